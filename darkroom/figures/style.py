"""How all figures look, and how they are written."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen needed

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by the colour-blind (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"
DPI = 120
LONGEST_NAME = 18  # characters of a class name in a figure

plt.rcParams.update(
    {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e5e5e5",
        "axes.axisbelow": True,
        "font.size": 10,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }
)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG whose bytes name no version of matplotlib, and close the figure."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)


def short(name: str) -> str:
    """A class name that fits a figure."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
