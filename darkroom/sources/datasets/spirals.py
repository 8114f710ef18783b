"""Points of the plane on the three arms of a spiral, to be classified by arm. It exists only as the drawn sample."""

import numpy as np

from darkroom.sources.dataset import Dataset

ARMS, POINTS_PER_ARM, TURNS = 3, 300, 1.25
RADIUS_NOISE = 0.02


def draw_sample() -> dict[str, bytes]:
    """Draw `spirals.csv`: the columns x, y and arm, one line per point.

    Numbers are rounded to four decimals, since the last digits of sine and cosine differ between processors.
    """
    draw = np.random.default_rng(0)
    lines = ["x,y,arm"]
    for arm in range(ARMS):
        along = np.sqrt(np.linspace(0.01, 1, POINTS_PER_ARM))  # equally dense outside and inside
        angle = 2 * np.pi * (TURNS * along + arm / ARMS)
        noise = draw.normal(0, RADIUS_NOISE, (2, POINTS_PER_ARM))
        x, y = along * np.cos(angle) + noise[0], along * np.sin(angle) + noise[1]
        lines += [f"{a:.4f},{b:.4f},arm {arm + 1}" for a, b in zip(x, y, strict=True)]
    return {"spirals.csv": "\n".join([*lines, ""]).encode()}


DATASET = Dataset(files=(), draw_sample=draw_sample)
