"""A trained model in one safetensors file that explains itself: nothing else is needed to use it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.datasets.kinds import kind_of
from darkroom.models.parameters import ClassifierParameters, PointModelParameters, SegmenterParameters
from darkroom.models.zoo import build_model

METADATA_KEY = "darkroom"  # one key alone: safetensors writes several in no fixed order
PARAMETERS = {
    "classification": ClassifierParameters,
    "segmentation": SegmenterParameters,
    "points": PointModelParameters,
    "regression": PointModelParameters,
}


@dataclass(frozen=True)
class Card:
    """What a model file says of its model.

    Attributes:
        model: name and arguments, as in params.yaml.
        classes: names by class id.
        image_size: (height, width) of the training images, or of the crops of them, in pixels; of points, how many
            features they have.
        mean, std: of each channel, as shares of full scale, or of each feature, for normalization.
        precision: that it was trained with: fp32, bf16 or fp16.
        target_mean, target_std: of a regression: what its answers are times and plus, to be in the targets' units.
    """

    kind: str
    model: dict
    classes: list[str]
    image_size: list[int]
    mean: list[float]
    std: list[float]
    precision: str
    target_mean: float = 0.0
    target_std: float = 1.0


def save_model(path: Path, model: nn.Module, card: Card) -> None:
    """Write weights and card; equal ones give equal bytes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, {METADATA_KEY: json.dumps(asdict(card))})


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, Card]:
    """The model, ready to predict, and its card.

    Raises:
        UserError: no file, or none that Darkroom wrote.
    """
    try:
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})[METADATA_KEY])
            card = Card(**said)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise UserError(f"{path}: is no model file of Darkroom's, or is damaged; train it again") from None
    if card.kind == "regression" and "target_std" not in said:
        raise UserError(f"{path}: does not say how its numbers were standardized; train it again")
    started_from = {"encoder_weights": None} if card.kind == "segmentation" else {}  # to be overwritten: no download
    parameters = PARAMETERS[card.kind](**card.model | started_from)
    model = build_model(parameters, kind_of(card.kind).count_outputs(card.classes), tuple(card.image_size))
    model.load_state_dict(weights)
    return model.to(device, memory_format=torch.channels_last).eval(), card
