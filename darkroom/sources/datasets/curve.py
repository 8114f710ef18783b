"""Noisy points of a curve, y to be predicted from x. It exists only as the drawn sample."""

import numpy as np

from darkroom.sources.dataset import Dataset

POINTS, NOISE = 200, 0.15


def draw_sample() -> dict[str, bytes]:
    """Draw `curve.csv`: the columns x and y, one line per point.

    Numbers are rounded to four decimals, since the last digits of a sine differ between processors.
    """
    draw = np.random.default_rng(0)
    x = np.sort(draw.uniform(-1, 1, POINTS))
    y = np.sin(3 * np.pi * x) * (0.4 + 0.6 * x**2) + 0.5 * x + draw.normal(0, NOISE, POINTS)
    rows = [f"{a:.4f},{b:.4f}" for a, b in zip(x, y, strict=True)]
    return {"curve.csv": "\n".join(["x,y", *rows, ""]).encode()}


DATASET = Dataset(files=(), draw_sample=draw_sample)
