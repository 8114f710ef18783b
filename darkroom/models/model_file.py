"""A trained model in one safetensors file, which holds all that is needed to use it."""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from darkroom.common.errors import UserError
from darkroom.common.files import replacing
from darkroom.common.parameters import ByName, Parameters, check
from darkroom.datasets.kinds import kind_of
from darkroom.models.architecture import Architecture, architectures

METADATA_KEY = "darkroom"  # one key alone: safetensors writes several in no fixed order


class AnyModel(Parameters):
    """A model of any kind of task."""

    model: Annotated[Architecture, ByName(architectures)]


@dataclass(frozen=True)
class Card:
    """What a model file says about its model.

    Attributes:
        kind: The kind of task: classification, segmentation, points or regression.
        model: The architecture's name and options, as in params.yaml.
        classes: Names by class id.
        image_size: (height, width) of the training images or crops in pixels. Of points, (features,).
        mean: Of each channel, as a share of full scale, or of each feature. Inputs are normalized by it.
        std: Standard deviation of the same.
        precision: What it was trained in: fp32, bf16 or fp16.
        target_mean: Of a regression's targets. Its outputs times `target_std` plus this are in the targets' unit.
        target_std: Standard deviation of the same.
    """

    kind: str
    model: dict[str, Any]
    classes: list[str]
    image_size: list[int]
    mean: list[float]
    std: list[float]
    precision: str
    target_mean: float = 0.0
    target_std: float = 1.0

    @cached_property
    def architecture(self) -> Architecture:
        """The architecture that `model` names.

        Raises:
            UserError: There is no such architecture, or it has no such options.
        """
        return _read_architecture(self.model, "the model file")


def save_model(path: Path, model: nn.Module, card: Card) -> None:
    """Write weights and card. Equal ones give equal bytes."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary, {METADATA_KEY: json.dumps(asdict(card))})


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, Card]:
    """Return the model, ready to predict on `device`, and its card.

    Raises:
        UserError: There is no file, or Darkroom did not write it, or it holds a model that this version does not have.
    """
    try:
        with safe_open(path, "pt") as file:
            content = json.loads((file.metadata() or {})[METADATA_KEY])
            card = Card(**content)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    except (SafetensorError, KeyError, ValueError, TypeError):
        raise UserError(f"{path}: is no model file of Darkroom's, or is damaged; train it again") from None
    if card.kind == "regression" and "target_std" not in content:
        raise UserError(f"{path}: does not say how its numbers were standardized; train it again")
    outputs = kind_of(card.kind).count_outputs(card.classes)
    model = _read_architecture(card.model, str(path)).from_scratch().build(outputs, tuple(card.image_size))
    model.load_state_dict(weights)
    return model.to(device).to(memory_format=torch.channels_last).eval(), card


def _read_architecture(values: dict[str, Any], file: str) -> Architecture:
    """Return the architecture that a card in `file` names."""
    given = {key: value for key, value in values.items() if value is not None}  # older files have nulls
    return check(AnyModel, {"model": given}, "", file).model
