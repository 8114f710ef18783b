"""Numbers that several rooms share, and how metrics are rounded."""

IGNORE_INDEX = -100  # the target of pixels that no loss and no metric counts; PyTorch's default
DIGITS = 6  # decimals that a metric keeps
SMALL = 1e-3  # below it a metric keeps significant digits instead: errors may be in any unit


def round_metric(value: float) -> float:
    """Return `value` rounded to six decimals, or to six significant digits if it is below 0.001."""
    return round(value, DIGITS) if abs(value) >= SMALL else float(f"{value:.{DIGITS}g}")
