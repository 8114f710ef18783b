"""Measure whether heat maps of explanations lie on the object, by a pointing game on the drawn sample.

    python -m bench.explanations [MODEL …]

It trains each classifier, or those named, on the sample of CIFAR-10, and prints for Layer-CAM and Grad-CAM, both of the
model's `explained_layer`, how often the maximum of the heat lies on the drawn object (Zhang et al., arXiv:1608.00507),
in up to 200 correctly predicted test images, and the share of the heat that lies there. Objects lie in the middle more
often than not: what does not beat always pointing at the centre explains nothing.

It needs `data/prepared/cifar10` (`dvc repro prepare@cifar10`). `darkroom models` has the sizes of the networks: the
largest take an hour on a processor.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.recipes import TASK, training_folder
from darkroom.batches.normalize import normalize
from darkroom.common.errors import UserError, run_command
from darkroom.datasets.description import Description
from darkroom.datasets.packed import read_split
from darkroom.evaluation.layer_cam import activations_and_gradients, enlarge, layer_cam
from darkroom.models.architecture import architectures
from darkroom.models.model_file import Card, load_model
from darkroom.sources.datasets.cifar10 import DIFFICULTY, SIDE, TEST_IMAGES, TRAIN_BATCHES
from darkroom.sources.sample.pictures import draw_picture
from darkroom.studies.declared import Run

MOST_IMAGES = 200
BATCH = 50
CPU = torch.device("cpu")
CHANGES = {  # of params.yaml, where a model learns the sample slowly by its defaults
    "lenet": ["train.epochs=30", "train.batch_size=125"],
    "lenet_modern": ["train.epochs=30", "train.batch_size=125"],
    "simple_cnn": ["train.epochs=30", "train.batch_size=50", "train.optimizer=adamw", "train.lr=0.001"],
    "vit": ["train.epochs=60", "train.batch_size=50", "train.optimizer=adamw", "train.lr=0.001"],
}


@dataclass(frozen=True)
class Game:
    """The pointing game of a model.

    Attributes:
        images: how many images are explained: the correctly predicted ones.
        hits: the share of the images in which the maximum of the heat lies on the object.
        near: the share in which it lies there or at most one pixel beside it.
        energy: the mean share of the heat that lies on the object.
        centre: the share of the images whose middle pixel lies on the object.
    """

    images: int
    hits: float
    near: float
    energy: float
    centre: float


def play(heats: NDArray[np.float32], objects: NDArray[np.bool_]) -> Game:
    """Return the pointing game of heat maps, float32 (n, h, w), and the objects' masks, bool (n, h, w)."""
    count, height, width = heats.shape
    maxima, numbers = heats.reshape(count, -1).argmax(1), np.arange(count)
    wider = np.stack([cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) for mask in objects])
    energy = (heats * objects).sum((1, 2)) / np.maximum(1e-9, heats.sum((1, 2)))
    hits, near = (float(masks.reshape(count, -1)[numbers, maxima].mean()) for masks in (objects, wider))
    return Game(count, hits, near, float(energy.mean()), float(objects[:, height // 2, width // 2].mean()))


def grad_cam(
    model: nn.Module, layer: nn.Module, image: Tensor, score: Callable[[Tensor], Tensor]
) -> NDArray[np.float32]:
    """Return the heat map of Grad-CAM (Selvaraju et al., arXiv:1610.02391), for comparison with `layer_cam`."""
    activations, gradients = activations_and_gradients(model, layer, image, score)
    heat = np.maximum((gradients.mean((1, 2), keepdims=True) * activations).sum(0), 0)
    return enlarge(heat, image.shape[2:])


METHODS = {"Grad-CAM": grad_cam, "Layer-CAM": layer_cam}


def play_with(
    model: nn.Module, card: Card, pixels: NDArray[np.uint8], labels: NDArray[np.int64], objects: NDArray[np.bool_]
) -> dict[str, Game]:
    """Return the pointing game of each of `METHODS` on the correctly predicted images, 200 at most.

    Args:
        model: in evaluation mode.
        card: of its model file.
        pixels: of the images, uint8 (n, h, w, 3).
        labels: their class ids, (n,).
        objects: their objects, bool (n, h, w).
    """
    images = normalize(torch.tensor(pixels), card.mean, card.std)
    with torch.inference_mode():
        predicted = torch.cat([model(batch) for batch in torch.split(images, BATCH)]).argmax(1).numpy()
    chosen = np.flatnonzero(predicted == labels)[:MOST_IMAGES]
    if not len(chosen):
        raise UserError(f"{card.model['name']}: no image is predicted correctly; train it longer")
    layer = card.architecture.explained_layer(model)
    return {
        name: play(
            np.stack([method(model, layer, images[n : n + 1], itemgetter(int(labels[n]))) for n in chosen]),
            objects[chosen],
        )
        for name, method in METHODS.items()
    }


def main(names: list[str]) -> None:
    """Train the models of these names, or all classifiers, and print the pointing game of each."""
    known = architectures("classification")
    if unknown := set(names) - set(known):
        raise UserError(f"{min(unknown)}: no such model; there are {', '.join(known)}")
    with training_folder() as train:
        pixels, labels = read_split(Path("data/prepared", TASK), "test")
        classes = Description.read(Path("data/prepared", TASK)).classes
        drawn = [
            draw_picture(classes[label], SIDE, DIFFICULTY, TRAIN_BATCHES * TEST_IMAGES + number)
            for number, label in enumerate(labels)
        ]
        if not np.array_equal(np.stack([picture for picture, _ in drawn]), pixels):
            raise UserError(f"data/prepared/{TASK}: is not of the drawn sample; set source: sample")
        objects = np.stack([mask for _, mask in drawn])
        for name in names or known:
            overrides = [f"tasks.{TASK}.model={{name: {name}}}", "source=sample", *CHANGES.get(name, [])]
            train(Run(name, name, {}, overrides))
            model, card = load_model(Path("models", TASK, "model.safetensors"), CPU)
            for method, game in play_with(model, card, pixels, labels, objects).items():
                print(
                    f"{name}, {method}: {game.hits:.1%} on the object, {game.near:.1%} within a pixel of it, "
                    f"{game.energy:.1%} of the heat (n = {game.images}; the centre {game.centre:.1%})",
                    flush=True,
                )


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
