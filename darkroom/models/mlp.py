"""A multi-layer perceptron for points. Without hidden layers it is a linear model."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import nn

from darkroom.models.architecture import Architecture

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}


class MLPArchitecture(Architecture):
    """The multi-layer perceptron. Layer-CAM does not apply, since points have no spatial dimensions."""

    kinds: ClassVar[tuple[str, ...]] = ("points", "regression")

    name: Literal["mlp"]
    widths: list[Annotated[int, Field(ge=1)]] = []
    """Neurons in each hidden layer. An empty list makes a linear model."""
    activation: Literal["relu", "tanh"] = "relu"
    """The activation after each hidden layer."""

    def _network(self, outputs: int, image_size: tuple[int, ...]) -> nn.Module:
        return MLP(image_size[0], self.widths, outputs, self.activation)

    def input_shape(self, side: int) -> tuple[int, ...]:
        """Return the shape of a point of two features, whatever `side` is."""
        return (2,)


class MLP(nn.Sequential):
    """The network: points float (b, inputs) to float (b, outputs).

    Args:
        inputs: How many features a point has.
        widths: Neurons in each hidden layer.
        outputs: How many numbers it returns.
        activation: A key of `ACTIVATIONS`.
    """

    def __init__(self, inputs: int, widths: list[int], outputs: int, activation: str) -> None:
        layers: list[nn.Module] = []
        for width_in, width in zip([inputs, *widths], widths, strict=False):
            layers += [nn.Linear(width_in, width), ACTIVATIONS[activation]()]
        super().__init__(*layers, nn.Linear(widths[-1] if widths else inputs, outputs))
