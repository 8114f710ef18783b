"""The small classics of points: the arms of spirals to tell apart, and a noisy curve to follow."""

import numpy as np

ARMS, POINTS_OF_ARM, TURNS = 3, 300, 1.25
RADIUS_NOISE = 0.02
CURVE_POINTS, CURVE_NOISE = 200, 0.15


def spirals_table() -> bytes:
    """CSV with a line for each point of the plane and the arm that it is of: x, y, arm.

    Rounded to four digits, where no processor's sine differs.
    """
    draw = np.random.default_rng(0)
    lines = ["x,y,arm"]
    for arm in range(ARMS):
        along = np.sqrt(np.linspace(0.01, 1, POINTS_OF_ARM))  # as dense outside as inside
        angle = 2 * np.pi * (TURNS * along + arm / ARMS)
        noise = draw.normal(0, RADIUS_NOISE, (2, POINTS_OF_ARM))
        x, y = along * np.cos(angle) + noise[0], along * np.sin(angle) + noise[1]
        lines += [f"{a:.4f},{b:.4f},arm {arm + 1}" for a, b in zip(x, y, strict=True)]
    return "\n".join([*lines, ""]).encode()


def curve_table() -> bytes:
    """CSV with a line for each point of a curve and its noise: x, y; rounded as `spirals_table`."""
    draw = np.random.default_rng(0)
    x = np.sort(draw.uniform(-1, 1, CURVE_POINTS))
    y = np.sin(3 * np.pi * x) * (0.4 + 0.6 * x**2) + 0.5 * x + draw.normal(0, CURVE_NOISE, CURVE_POINTS)
    return "\n".join(["x,y", *(f"{a:.4f},{b:.4f}" for a, b in zip(x, y, strict=True)), ""]).encode()
