"""Figures as history and reports have them."""

DIGITS = 6
SMALL = 1e-3


def told(value: float) -> float:
    """Rounded to six decimals, or to six digits where it is under 0.001: errors come in units of any size."""
    return round(value, DIGITS) if abs(value) >= SMALL else float(f"{value:.{DIGITS}g}")
