"""From a prepared data set to a trained model's file."""

from pathlib import Path

import torch
from torch import nn

from darkroom.batches.images import ImageBatches
from darkroom.batches.pairs import PairBatches
from darkroom.batches.whole import whole_split
from darkroom.common.errors import UserError
from darkroom.common.randomness import seed_for
from darkroom.datasets.description import Description
from darkroom.models.model_file import Card, save_model
from darkroom.models.zoo import build_model, initialize_from_images
from darkroom.training.loop import Job, fit
from darkroom.training.parameters import ClassificationTraining, SegmentationTraining
from darkroom.training.precision import choose_device, choose_precision, make_deterministic


def train(
    parameters: ClassificationTraining | SegmentationTraining, data: Path, model_file: Path, history: Path
) -> None:
    """Train the model that `parameters` name on the data set in `data`; write its file and its history.

    Raises:
        UserError: parameters that do not fit each other, the data or the device.
    """
    make_deterministic()
    device = choose_device()
    precision = choose_precision(parameters.train.precision, device)
    description = Description.read(data)
    batches = _batches(parameters, data, description, device)

    torch.manual_seed(seed_for(parameters.seed, "weights"))
    size = description.image_size and tuple(description.image_size)
    model = build_model(parameters.model, len(description.classes), size)
    initialize_from_images(model, batches.sample)
    model = model.to(device, memory_format=torch.channels_last)
    print(f"{parameters.model.name}, {trained_weights(model):,} weights, on {device.type} in {precision}", flush=True)

    job = Job(parameters.kind, len(description.classes), parameters.train, parameters.seed, device, precision, history)
    try:
        weights = fit(model, batches, lambda: whole_split(data, description, "validation", device), job)
    except torch.OutOfMemoryError:
        raise UserError(
            f"params.yaml: train.batch_size = {parameters.train.batch_size}: does not fit the GPU's memory; take half"
        ) from None
    model.load_state_dict(weights)
    card = Card(
        description.kind, parameters.model.model_dump(), description.classes, description.image_size,
        description.mean, description.std, precision,
    )  # fmt: skip
    save_model(model_file, model, card)


def trained_weights(model: nn.Module) -> int:
    """How many numbers training changes."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _batches(
    parameters: ClassificationTraining | SegmentationTraining,
    data: Path,
    description: Description,
    device: torch.device,
) -> ImageBatches | PairBatches:
    shared = (data, description, parameters.augment, parameters.train.batch_size, parameters.seed, device)
    if description.kind == "segmentation":
        return PairBatches(*shared, parameters.train.workers)
    return ImageBatches(*shared)
