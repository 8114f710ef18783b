"""Which differences between the points of a study are more than luck."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from darkroom.evaluation.intervals import SIGNIFICANCE, TAILS, Difference, Interval, holm

BEST, SHOWN, NOT_SHOWN, UNTESTED = "best", "worse: shown", "no difference shown", "not tested"
MOST_NAMES = 4  # of points that the sentence lists


def seed_interval(scores: "pd.Series[float]") -> Interval | None:
    """Return the interval of a mean score over seeds by Student's t, or None if there are fewer than two scores."""
    known = scores.dropna()
    if len(known) < 2:
        return None
    reach = float(stats.t.ppf(TAILS[1], len(known) - 1) * known.std() / len(known) ** 0.5)
    return float(known.mean()) - reach, float(known.mean()) + reach


def differences(table: pd.DataFrame, compare: Callable[[str, str], Difference | None]) -> dict[str, str]:
    """Return for each point with a score in words whether its difference to the best point is shown.

    Points are compared by a paired t-test over the seeds that they share. With one seed in common, it is the test of
    `compare`. The p-values are adjusted by Holm's method for all pairs of points, not only for those with the best one,
    since the same scores chose the best one.

    Args:
        table: a row for each run: run, point, seed and score.
        compare: returns the difference of two runs, by their names, from the predictions that they kept.
    """
    scored = table.dropna(subset="score")
    if scored.empty:
        return {}
    seeds = scored["seed"].fillna(-1) if "seed" in scored else pd.Series(-1, index=scored.index)
    runs = {point: rows.set_index("key") for point, rows in scored.assign(key=seeds).groupby("point", sort=False)}
    best = max(runs, key=lambda point: runs[point]["score"].mean())
    others = [point for point in runs if point != best]
    p_values = [_p_value(runs[best], runs[point], compare) for point in others]
    tested = [p for p in p_values if p is not None]
    adjusted = iter(holm([min(1.0, p * len(runs) / 2) for p in tested]))
    words = {str(best): BEST}
    for point, p in zip(others, p_values, strict=True):
        if p is None:
            words[str(point)] = UNTESTED
        else:
            p = next(adjusted)
            words[str(point)] = f"{SHOWN if p < SIGNIFICANCE else NOT_SHOWN} (p = {p:.2g})"
    return {str(point): words[str(point)] for point in runs}


def _p_value(best: pd.DataFrame, other: pd.DataFrame, compare: Callable[[str, str], Difference | None]) -> float | None:
    """Return the p-value of the difference of two points' runs, tables by seed; None if it cannot be tested."""
    common = best.index.intersection(other.index)
    if len(common) >= 2:
        gains = (best.loc[common, "score"] - other.loc[common, "score"]).to_numpy()
        if np.ptp(gains) > 0:
            return float(stats.ttest_1samp(gains, 0).pvalue)
        return None if gains[0] else 1.0
    if len(common) == 1:
        found = compare(other.loc[common[0], "run"], best.loc[common[0], "run"])
        return None if found is None else found.p
    return None


def sentence(words: dict[str, str]) -> str:
    """Return in one or two sentences between which points no difference is shown.

    Args:
        words: as `differences` returns them.
    """
    if len(words) < 2:
        return ""
    best = next(point for point, word in words.items() if word == BEST)
    alike = [point for point, word in words.items() if word.startswith(NOT_SHOWN)]
    untested = [point for point, word in words.items() if word == UNTESTED]
    parts = []
    if alike:
        named = [f"“{point}”" for point in [best, *alike]]
        if len(named) > MOST_NAMES + 1:
            named = [*named[:MOST_NAMES], f"{len(named) - MOST_NAMES} more"]
        parts.append(f"No difference is shown between {', '.join(named[:-1])} and {named[-1]}.")
    elif not untested:
        parts.append(f"“{best}” is better than all others: the differences are shown.")
    if untested:
        every = len(untested) == len(words) - 1
        which = "The differences" if every else f"{len(untested)} differences to the best point"
        parts.append(f"{which} are not tested: they are of single runs whose predictions tell no difference.")
    return " ".join(parts)
