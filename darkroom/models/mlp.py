"""A multi-layer perceptron for points, and without hidden layers a linear model."""

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class MLP(nn.Sequential):
    """Features float (b, inputs) to float (b, outputs), through hidden layers of `widths`."""

    def __init__(self, inputs: int, widths: list[int], outputs: int, activation: str) -> None:
        layers: list[nn.Module] = []
        for width_in, width in zip([inputs, *widths], widths, strict=False):
            layers += [nn.Linear(width_in, width), ACTIVATIONS[activation]()]
        super().__init__(*layers, nn.Linear(widths[-1] if widths else inputs, outputs))
