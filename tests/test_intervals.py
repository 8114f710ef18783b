"""Intervals of metrics, tests of differences, and how often they are right in simulations."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom

from bench.coverage import simulate
from darkroom.commands.compare import verdict
from darkroom.evaluation import intervals
from darkroom.evaluation.classifier import class_intervals, error_interval
from darkroom.evaluation.intervals import (
    Difference,
    Ratios,
    accuracy_difference,
    as_lists,
    gap_interval,
    holm,
    proportion_interval,
    ratio_difference,
    share_interval,
)
from darkroom.evaluation.kinds.regression import error_intervals, r2_difference
from darkroom.evaluation.kinds.segmentation import overlap_intervals
from darkroom.studies.comparison import differences, seed_interval, sentence


def test_proportions_have_mid_p_intervals() -> None:
    assert proportion_interval(0, 10) == (0, pytest.approx(1 - 0.05**0.1))  # half of (1 - p)^10 is 0.025
    assert proportion_interval(10, 10) == (pytest.approx(0.05**0.1), 1)
    low, high = proportion_interval(970, 1000)
    assert binom.sf(970, 1000, low) + binom.pmf(970, 1000, low) / 2 == pytest.approx(0.025, rel=1e-4)
    assert binom.cdf(969, 1000, high) + binom.pmf(970, 1000, high) / 2 == pytest.approx(0.025, rel=1e-4)
    assert proportion_interval(0, 0) is None


def test_coverage_of_accuracies_is_that_which_is_promised() -> None:
    for n, least in ((100, 0.92), (1000, 0.94)):
        all_intervals = np.array([proportion_interval(k, n) for k in range(n + 1)])
        covered = []
        for proportion in np.linspace(0.05, 0.95, 37):
            holds = (all_intervals[:, 0] <= proportion) & (proportion <= all_intervals[:, 1])
            covered.append(binom.pmf(np.arange(n + 1), n, proportion)[holds].sum())
        assert 0.945 < np.mean(covered) < 0.96 and min(covered) > least


@pytest.mark.parametrize(
    ("kind", "n", "values"),
    [
        ("classifier", 200, (5, 2.0, 1.5)),
        ("masks", 40, (3, 0.7)),
        ("masks of two", 40, (3, 0.7)),
        ("curve", 80, (30.0,)),
        ("accuracies of two", 400, (0.1, 0.05)),
    ],
)
def test_simulated_coverage(kind: str, n: int, values: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws are the same in each run. With percentiles, the calibration error's interval would hold it in 10 %."""
    monkeypatch.setattr(intervals, "REPLICATES", 300)
    monkeypatch.setattr("bench.coverage.POPULATION", 100_000)
    for name, _, _, coverage, _ in simulate(kind, n, values, 250):
        if name != "top5_accuracy":  # of five classes, it is always 1
            assert 0.9 <= coverage <= 0.98, name


def test_equal_models_seldom_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "REPLICATES", 200)
    draw = np.random.default_rng(0)
    p_values = []
    for _ in range(300):
        true, errors = draw.standard_normal(60), draw.standard_normal((2, 60)) * 0.3
        p_values.append(r2_difference(true, true + errors[0], true + errors[1]).p)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.07
    gain = r2_difference(true, true + errors[0], true + errors[1] / 3)
    assert gain.p < 0.02 and gain.low > 0


def test_values_are_inside_and_the_same_each_time() -> None:
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (200,), generator=draw)
    logits = torch.randn(200, 4, generator=draw)
    logits[torch.arange(200), labels] += 2
    first, second = (as_lists(class_intervals(logits, labels)) for _ in range(2))
    assert first == second
    accuracy = float((logits.argmax(1) == labels).double().mean())
    for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1"):
        assert first[name][0] < accuracy < first[name][1]
    assert first["loss"][0] < float(torch.nn.functional.cross_entropy(logits, labels)) < first["loss"][1]
    assert gap_interval(0.9, (0.7, 0.8)) == (pytest.approx(0.1), pytest.approx(0.2)) and gap_interval(0.9, None) is None


def test_few_images_or_no_errors_are_no_failure() -> None:
    sure = torch.eye(3) * 50
    one = class_intervals(sure[:1], torch.tensor([0]))
    assert one["accuracy"] == (pytest.approx(0.05), 1) and one["loss"] is None
    assert one["expected_calibration_error"] is None
    right = class_intervals(sure.repeat(20, 1), torch.arange(3).repeat(20))
    assert right["accuracy"] == (pytest.approx(0.05 ** (1 / 60)), 1)
    for name in ("macro_precision", "macro_recall", "macro_f1"):
        assert right[name] == (pytest.approx(right["accuracy"][0]), 1), "as wide as that of the accuracy"
    wrong = class_intervals(sure[[1, 1, 1, 1]], torch.zeros(4, dtype=torch.int64))
    assert wrong["macro_f1"][0] == 0 and wrong["accuracy"][0] == 0, "two of three classes occur"
    none = class_intervals(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    assert set(none.values()) == {None}
    counts = np.array([[[90, 8, 0], [90, 10, 0], [92, 8, 0]]])
    assert set(overlap_intervals(counts, np.ones(1)).values()) == {None}
    several = overlap_intervals(counts.repeat(3, 0) + np.arange(3)[:, None, None], np.array([1.0, 2.0, 1.5]))
    assert several["mean_iou"][0] < several["mean_iou"][1]
    assert set(error_intervals(np.ones(1), np.ones(1), 1.0).values()) == {None}
    assert set(error_intervals(np.arange(5.0), np.arange(5.0), 1.0).values()) == {None}
    same = Ratios(np.ones((5, 1)), np.ones((5, 1)))
    assert share_interval(same) is None and ratio_difference(same, same) is None


def test_pixels_of_an_image_are_no_images_of_their_own() -> None:
    """A copy of each pixel in the same image tells nothing new."""
    draw = torch.Generator().manual_seed(0)
    labels, images = torch.randint(3, (400,), generator=draw), torch.arange(400) // 10
    logits = torch.randn(400, 3, generator=draw) * 2
    twice = [values.repeat_interleave(2, 0) for values in (logits, labels, images)]
    one, other = error_interval(logits, labels, images.numpy()), error_interval(*twice[:2], twice[2].numpy())
    assert one == (pytest.approx(other[0]), pytest.approx(other[1]))


def test_differences_in_words() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    shown = accuracy_difference(30, 5, 1000)
    assert shown.low > 0 and shown.as_dict()["shown"]
    assert verdict(shown, shown.p, 1, ("old", "new")).startswith("shown: new is better by 2.50 points (95 % interval ")
    worse = accuracy_difference(5, 30, 1000)
    assert verdict(worse, worse.p, 1, ("old", "new")).startswith("shown: old is better by 2.50 points")
    assert verdict(shown, 0.06, 2, ("old", "new")).startswith("no difference shown (it is 2.50 points, ")
    assert accuracy_difference(3, 3, 10).p == accuracy_difference(0, 0, 10).p == 1


def study_table(scores: dict[str, list[float]]) -> pd.DataFrame:
    rows = [(f"{point}-{n}", point, n, score) for point, all_ in scores.items() for n, score in enumerate(all_)]
    return pd.DataFrame(rows, columns=["run", "point", "seed", "score"])


def test_studies_say_what_is_shown() -> None:
    table = study_table({"a": [0.90, 0.92, 0.91], "b": [0.89, 0.93, 0.90], "c": [0.401, 0.419, 0.411]})
    words = differences(table, lambda *_: pytest.fail("there are seeds"))
    assert (
        words["a"] == "best" and words["b"].startswith("no difference shown") and words["c"].startswith("worse: shown")
    )
    assert sentence(words) == "No difference is shown between “a” and “b”."
    assert seed_interval(table["score"][:3]) == (
        pytest.approx(0.91 - 4.3027 * 0.01 / 3**0.5, abs=1e-5),
        pytest.approx(0.9348, abs=1e-4),
    )
    assert seed_interval(table["score"][:1]) is None


def test_single_runs_are_compared_by_their_predictions() -> None:
    table = study_table({"a": [0.9], "b": [0.8], "c": [0.7]}).drop(columns="seed")
    asked = []

    def compare(first: str, second: str) -> Difference | None:
        asked.append((first, second))
        return {"b-0": accuracy_difference(20, 10, 100), "c-0": accuracy_difference(21, 1, 100)}[first]

    words = differences(table, compare)
    assert asked == [("b-0", "a-0"), ("c-0", "a-0")]
    assert words["b"].startswith("no difference shown") and words["c"].startswith("worse: shown")
    untested = differences(table, lambda *_: None)
    assert sentence(untested).startswith("The differences are not tested") and untested["b"] == "not tested"
    assert sentence({"a": "best"}) == "" and differences(table.assign(score=np.nan), compare) == {}
    every = sentence({"a": "best", "b": "worse: shown (p = 0.01)"})
    assert every == "“a” is better than all others: the differences are shown."
