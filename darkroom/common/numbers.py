"""Numbers that several rooms share, and how numbers are rounded for history and reports."""

IGNORE_INDEX = -100  # the target of pixels that no loss and no metric counts; PyTorch's default
DIGITS = 6
SMALL = 1e-3


def told(value: float) -> float:
    """Rounded to six decimals, or to six digits where it is under 0.001: errors come in units of any size."""
    return round(value, DIGITS) if abs(value) >= SMALL else float(f"{value:.{DIGITS}g}")
