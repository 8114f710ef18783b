"""Measure how well wrong labels are found in logits of models that did not learn them.

    python -m bench.label_errors LOGITS.npy LABELS.npy

It makes 5 % of the labels wrong, uniformly and towards one other class, with several seeds, and prints precision,
recall and F1 of Darkroom, and of cleanlab where it is installed. cleanlab is no dependency of the project.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import softmax

from darkroom.audit.labels import find_label_errors
from darkroom.common.errors import UserError, run_command

SHARE, SEEDS = 0.05, range(3)
FILTERS = ("prune_by_noise_rate", "both", "confident_learning", "low_normalized_margin", "low_self_confidence")
Finder = Callable[[np.ndarray, np.ndarray], np.ndarray]  # logits, labels → bool (n,)


def spoil(labels: np.ndarray, classes: int, pairs: bool, seed: int) -> np.ndarray:
    """Return labels of which a share is wrong: any other class, or with pairs the next one."""
    draw = np.random.default_rng(seed)
    wrong = draw.choice(len(labels), round(SHARE * len(labels)), replace=False)
    spoiled = labels.copy()
    spoiled[wrong] = (labels[wrong] + (1 if pairs else draw.integers(1, classes, len(wrong)))) % classes
    return spoiled


def finders() -> Iterator[tuple[str, Finder]]:
    """Yield the ways to find wrong labels, by their names."""
    yield "darkroom", _ours
    if importlib.util.find_spec("cleanlab"):
        find_label_issues = importlib.import_module("cleanlab.filter").find_label_issues
        for name in FILTERS:
            yield f"cleanlab {name}", partial(_cleanlab, find_label_issues, name)


def _cleanlab(
    find_label_issues: Callable[..., np.ndarray], name: str, logits: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    return find_label_issues(labels, softmax(logits, 1), filter_by=name, n_jobs=1)


def _ours(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    found = np.zeros(len(labels), bool)
    found[[error.index for error in find_label_errors(logits, labels)]] = True
    return found


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 3:
        raise UserError("python -m bench.label_errors LOGITS.npy LABELS.npy: give two files")
    logits, labels = (np.load(Path(name)) for name in sys.argv[1:])
    print("| wrong labels | method | findings | precision | recall | F1 |\n|---|---|---|---|---|---|")
    for pairs in (False, True):
        for name, find in finders():
            rows = []
            for seed in SEEDS:
                spoiled = spoil(labels, logits.shape[1], pairs, seed)
                found, wrong = find(logits, spoiled), spoiled != labels
                correct = int((found & wrong).sum())
                precision, recall = correct / max(1, int(found.sum())), correct / int(wrong.sum())
                f1 = 2 * correct / max(1, int(found.sum()) + int(wrong.sum()))
                rows.append([float(found.sum()), precision, recall, f1])
            count, *rates = np.mean(rows, axis=0)
            print(f"| {'pairs' if pairs else 'uniform'} | {name} | {count:.0f} | "
                  + " | ".join(f"{rate:.3f}" for rate in rates) + " |", flush=True)  # fmt: skip


if __name__ == "__main__":
    run_command(main)
