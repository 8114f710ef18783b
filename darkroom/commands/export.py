"""Export a trained model to ONNX, for programs without PyTorch."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from darkroom.commands.predict import model_of
from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.models.model_file import METADATA_KEY, Card

# Between the logits of PyTorch and of onnxruntime, relative to the largest logit, or absolute if that is below 1.
LARGEST_DIFFERENCE = 1e-4


class Normalized(nn.Module):
    """A model that normalizes its input itself: pixels, float (b, 3, h, w) between 0 and 255, to calibrated logits."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, card: Card) -> None:
        super().__init__()
        self.model, self.temperature = model, card.temperature
        self.register_buffer("mean", 255 * torch.tensor(card.mean)[:, None, None])
        self.register_buffer("std", 255 * torch.tensor(card.std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Return the calibrated logits of images, float (b, 3, h, w) between 0 and 255."""
        logits: Tensor = self.model((images - self.mean) / self.std)
        return logits / self.temperature


def export(task: str, revision: str | None, path: Path) -> None:
    """Write the task's model to an ONNX file, and compare the file's logits with PyTorch's.

    The input `images` is float (b, 3, height, width) between 0 and 255, of the size that the model was trained on. The
    output is `logits`, whose softmax gives calibrated probabilities. The metadata hold the model's card as JSON.

    Args:
        task: the task's name.
        revision: a git revision or the name of an experiment. None: the model in `models/`.
        path: the new file.

    Raises:
        UserError: there is no model, `path` exists, a package is missing, or the logits differ.
    """
    if path.exists():
        raise UserError(f"{path}: exists already; give a new file or remove it")
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise UserError(f"--onnx needs the package {error.name}: pip install -c constraints.txt -e '.[onnx]'") from None
    model, card = model_of(task, revision)
    whole = Normalized(model.cpu().float(), card).eval()
    images = 255 * torch.rand(2, 3, *card.image_size, generator=torch.Generator().manual_seed(0))
    with replacing(path) as temporary:
        program = torch.onnx.export(
            whole, (images,), input_names=["images"], output_names=["logits"], dynamo=True, verbose=False,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
        )  # fmt: skip
        assert program is not None, "with `dynamo`, torch returns the program"
        proto = program.model_proto
        onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(asdict(card))})
        onnx.save(proto, temporary)
        session = onnxruntime.InferenceSession(temporary.read_bytes(), providers=["CPUExecutionProvider"])
        with torch.inference_mode():
            expected = whole(images).numpy()
        (computed,) = session.run(["logits"], {"images": images.numpy()})
        difference = float(np.abs(computed - expected).max() / max(1, np.abs(expected).max()))
        if difference > LARGEST_DIFFERENCE:
            raise UserError(
                f"{path}: onnxruntime's logits differ from PyTorch's by {difference:.1e}; the file is not written"
            )
    print(
        f"{path}: {card.model['name']}, {path.stat().st_size / 1e6:.1f} MB; logits within {difference:.0e} of PyTorch's"
    )
