"""The base class of all families of models. A module of this package that has a subclass adds its models."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import ClassVar, get_args

from torch import Tensor, nn

import darkroom.models
from darkroom.common.errors import UserError
from darkroom.common.parameters import ByName, Parameters

Sample = Callable[[int], Tensor]  # returns up to that many normalized training inputs, (n, 3, h, w) or (n, features)


class Architecture(Parameters):
    """A model's name and options. It builds the network and knows how to use it.

    To add a family of models, write a subclass in a new module of this package. Give `name` a Literal of the models'
    names, declare the options as fields, set `kinds` and write `_network`. The other methods and class variables have
    defaults that suit most networks. There is no list to extend.

    Attributes:
        kinds: The kinds of tasks that the models are for: classification, segmentation, points, regression.
        smallest_side: The smallest height and width of images in pixels. With smaller images a layer's output would be
            empty, or a normalization would see a single number.
        bias_lr_factor: The factor of the learning rate of biases and other parameters of one dimension.
    """

    kinds: ClassVar[tuple[str, ...]]
    smallest_side: ClassVar[int] = 1
    bias_lr_factor: ClassVar[float] = 1.0

    name: str
    """The model. `python -m darkroom models` lists all."""

    def build(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        """Return an untrained network, its weights drawn from torch's global generator.

        Args:
            outputs: How many numbers it returns for each image, pixel or point.
            image_size: (height, width) of the training images or crops in pixels. For points, (features,).

        Raises:
            UserError: The network does not fit the size of the images, or an option has an unknown value.
        """
        if min(image_size) < self.smallest_side:
            raise UserError(
                f"params.yaml: model.name = {self.name}: images of {image_size[0]}×{image_size[1]} pixels are too "
                f"small for it; {self.smallest_side} at least"
            )
        return self._network(outputs, image_size)

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        """Return the network for `build`, which has checked the size of the images."""
        raise NotImplementedError

    def explained_layer(self, model: nn.Module) -> nn.Module:
        """Return the layer whose output Layer-CAM uses: feature maps (b, c, h, w) or tokens (b, n, c).

        The default is the last convolution. The deepest layer that still has 8×8 to 16×16 places for images of
        32×32 pixels gives the best explanations (`python -m bench.explanations`).
        """
        return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)][-1]

    def initialize(self, model: nn.Module, sample: Sample) -> None:
        """Set weights of a new network from training inputs, before training. The default sets none."""

    def predict(
        self, model: Callable[[Tensor], Tensor], batches: Iterable[Tensor], image_size: tuple[int, ...]
    ) -> Iterator[Tensor]:
        """Yield the logits of each batch of validation or test inputs, which may be larger than those of training.

        Args:
            model: Calls a built network.
            batches: Normalized inputs, float (b, 3, h, w) or (b, features).
            image_size: The size that the network was built for.
        """
        return map(model, batches)

    def crop_multiple(self) -> int:
        """Return what the sides of training crops must be a multiple of."""
        return 1

    def from_scratch(self) -> "Architecture":
        """Return the same architecture without pretrained weights, to load all weights from a model file."""
        return self

    def input_shape(self, side: int) -> tuple[int, ...]:
        """Return the shape of one input for images of `side` pixels. It is used to count a network's operations."""
        return 3, side, side


def architectures(kind: str | None = None) -> dict[str, type[Architecture]]:
    """Return the architecture class of each model, by the model's name, from all modules of this package.

    Args:
        kind: The kind of tasks that the models are for. None means any.
    """
    return {name: family for name, family in _all_architectures().items() if kind is None or kind in family.kinds}


def models_for(kind: str) -> ByName:
    """Return what makes a field of type `Architecture` take the models of a kind of task by name."""
    return ByName(partial(architectures, kind))


def trained_weights(module: nn.Module) -> int:
    """Return the number of trained weights."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@cache
def _all_architectures() -> dict[str, type[Architecture]]:
    found: dict[str, type[Architecture]] = {}
    for module_info in pkgutil.iter_modules(darkroom.models.__path__):
        module = importlib.import_module(f"{darkroom.models.__name__}.{module_info.name}")
        for family in vars(module).values():
            if isinstance(family, type) and issubclass(family, Architecture) and family.__module__ == module.__name__:
                # The `name` of a base class of families is a plain string without values.
                for name in get_args(family.model_fields["name"].annotation):
                    if name in found:
                        raise TypeError(f"both {found[name].__module__} and {module.__name__} have a model {name}")
                    found[name] = family
    return dict(sorted(found.items()))
