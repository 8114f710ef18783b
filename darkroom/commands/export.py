"""A trained model for programs without PyTorch."""

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

LARGEST_DIFFERENCE = 1e-4  # between the logits of PyTorch and of onnxruntime, as a share of the largest beyond 1


class Normalized(nn.Module):
    """Images of any pixels, float (b, 3, h, w) between 0 and 255, to logits: all that a user of the file need know."""

    def __init__(self, model: nn.Module, card: Card) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", 255 * torch.tensor(card.mean)[:, None, None])
        self.register_buffer("std", 255 * torch.tensor(card.std)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        return self.model((images - self.mean) / self.std)


def export(task: str, revision: str | None, path: Path) -> None:
    """Write the task's model to an ONNX file, after its answers were held against PyTorch's.

    Its input `images` is float (b, 3, height, width) between 0 and 255, of the size that the model was trained on, its
    output `logits`; the card, JSON, is in the metadata.

    Args:
        revision: of git, or an experiment, whose model it is; None for the one in `models/`.

    Raises:
        UserError: no model, a file that is there already, packages that are missing, or answers that differ.
    """
    if path.exists():
        raise UserError(f"{path}: is there already; give a new file or remove it")
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
        proto = program.model_proto
        onnx.helper.set_model_props(proto, {METADATA_KEY: json.dumps(asdict(card))})
        onnx.save(proto, temporary)
        session = onnxruntime.InferenceSession(temporary, providers=["CPUExecutionProvider"])
        with torch.inference_mode():
            expected = whole(images).numpy()
        (answered,) = session.run(["logits"], {"images": images.numpy()})
        difference = float(np.abs(answered - expected).max() / max(1, np.abs(expected).max()))
        if difference > LARGEST_DIFFERENCE:
            raise UserError(f"{path}: onnxruntime's logits differ from PyTorch's by {difference:.1e}; not written")
    print(
        f"{path}: {card.model['name']}, {path.stat().st_size / 1e6:.1f} MB; logits within {difference:.0e} of PyTorch's"
    )
