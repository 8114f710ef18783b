"""The style of all figures, and how they are written."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # works without a screen

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from darkroom.common.texts import shorten
from darkroom.figures.fonts import written

# Okabe and Ito's colours, which colour-blind people can tell apart (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"
DPI = 120
LONGEST_NAME = 18  # letters of a class name in a figure

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
    """Write a PNG file and close the figure. The file does not name the version of matplotlib."""
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(figure)


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name as figures show it: shortened if it is too long, or its number if no font can write it."""
    return shorten(written(name), longest)
