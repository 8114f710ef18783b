"""What a report says first, its page, and the model card."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from browser import CHROMIUM, Browser
from huggingface_hub import ModelCard
from small_runs import DATA, METRICS, classification, draw_figures, evaluated, prepare_classes, trained

from darkroom.common.files import read_json, write_json
from darkroom.datasets.description import Description
from darkroom.figures.card import hash_folder, write_card
from darkroom.figures.languages import texts_of
from darkroom.figures.overview import Results, advice, facts, read_results, tell, worst_classes
from darkroom.figures.report import write_report

HISTORY = {"epoch": range(1, 11), "validation_accuracy": [0.5, 0.6, 0.7, 0.8, 0.85, 0.88, 0.9, 0.9, 0.9, 0.9]}


def results_of(**changes) -> Results:
    """Return results of a good model about which there is nothing to say, but for the changes."""
    description = Description(
        "classification", ["cat", "dog", "owl"], [0.5] * 3, [0.2] * 3,
        {"train": 4_500, "validation": 500, "test": 10_000}, [32, 32],
    )  # fmt: skip
    test = {
        "accuracy": 0.9, "expected_calibration_error": 0.01, "uncalibrated_error": 0.2,
        "intervals": {"accuracy": [0.894, 0.906]},
    }  # fmt: skip
    train = {"epochs": 10, "kept_epoch": 7, "train_accuracy": 0.92, "validation_accuracy": 0.9}
    audit = {
        "leaked": 0, "label_errors": {"train": 0, "validation": 0, "test": 0}, "imbalance": 1.0,
        "accuracy_without_leaked": 0.9, "accuracy_without_doubtful": 0.9,
    }  # fmt: skip
    confusion = np.array([[80, 15, 5], [6, 92, 2], [2, 1, 97]])
    values = {
        "description": description, "test": test, "train": train, "audit": audit, "history": pd.DataFrame(HISTORY),
        "by_class": {"cat": 0.8, "dog": 0.92, "owl": 0.97}, "confusion": confusion,
    }  # fmt: skip
    for key, change in changes.items():
        values[key] = values[key] | change if isinstance(change, dict) and key != "by_class" else change
    return Results(**values)


def said(results: Results) -> list[str]:
    return [key for key, _ in facts(results)]


def todo(results: Results) -> list[str]:
    return [key for key, _ in advice(results)]


def without_validation() -> Results:
    description = results_of().description
    images = description.images | {"validation": 0}
    return results_of(description=Description(**vars(description) | {"images": images}))


RISING = pd.DataFrame(HISTORY | {"validation_accuracy": np.linspace(0.5, 0.9, 10)})
CORRUPTIONS = pd.DataFrame(
    {"corruption": ["fog", "fog", "snow", "snow"], "severity": [1, 5, 1, 5], "accuracy": [0.9, 0.7, 0.5, 0.3]}
)


def test_nothing_stands_out() -> None:
    assert todo(results_of()) == ["nothing"]
    assert said(results_of()) == ["score_interval", "no_leaks", "gap", "calibration"]


@pytest.mark.parametrize(
    ("key", "results"),
    [
        ("leave_out_leaked", results_of(audit={"leaked": 3})),
        ("look_at_labels", results_of(audit={"label_errors": {"train": 2, "validation": 0, "test": 0}})),
        ("look_at_masks", results_of(audit={"mask_errors": {"train": 0, "validation": 0, "test": 1}})),
        ("no_validation", without_validation()),
        ("overfits", results_of(train={"train_accuracy": 0.99})),
        ("more_epochs", results_of(train={"kept_epoch": 10}, history=RISING)),
        ("fewer_epochs", results_of(train={"kept_epoch": 5})),
        ("weak_class_confused", results_of(by_class={"cat": 0.7, "dog": 0.92})),
        ("weak_class", results_of(by_class={"cat": 0.7}, confusion=np.diag([80, 92, 97]))),
        ("imbalance", results_of(audit={"imbalance": 3.5})),
        ("poorly_calibrated", results_of(test={"expected_calibration_error": 0.06})),
        ("few_test", results_of(test={"intervals": {"accuracy": [0.86, 0.93]}})),
        ("worst_corruption", results_of(corruptions=CORRUPTIONS)),
    ],
)
def test_advice_follows_from_the_numbers(key: str, results: Results) -> None:
    assert todo(results) == [key]
    for language in ("en", "zh"):
        _, _, [sentence] = tell(texts_of(language), results, "own")
        assert sentence and sentence.count("`") % 2 == 0


def test_facts_of_an_audit() -> None:
    audit = {
        "leaked": 12, "accuracy_without_leaked": 0.891, "label_errors": {"test": 4, "train": 9},
        "accuracy_without_doubtful": 0.895,
    }  # fmt: skip
    sentences, worst, _ = tell(texts_of("en"), results_of(audit=audit, corruptions=CORRUPTIONS), "own")
    assert sentences == [
        "The accuracy is 0.900 on 10,000 test images; its 95 % interval is 0.894 to 0.906.",
        "12 test images are in training or validation too. Without them the accuracy is 0.891.",
        "4 test images probably have a wrong label. Without them and leaked ones the accuracy is 0.895.",
        "In training the accuracy is 0.920, in validation 0.900.",
        "The confidence is off by 0.010 on average. Before it was calibrated, it was off by 0.200.",
        "Under corruptions of the test images the accuracy is 0.600 on average, and 0.400 under snow.",
    ]
    assert worst == ["cat: 0.800, most often taken for dog"]


def test_when_every_test_image_leaked() -> None:
    none = {"leaked": 10_000, "accuracy_without_leaked": None, "accuracy_without_doubtful": None}
    results = results_of(audit=none | {"label_errors": {"test": 3}})
    assert "all_leaked" in said(results) and not {"leaked", "doubtful"} & set(said(results))
    for language in ("en", "zh"):
        assert len(tell(texts_of(language), results, "own")[0]) == len(facts(results))


def test_what_is_missing_is_said_or_left_out() -> None:
    results = results_of(audit={}, test={})
    bare = Results(**vars(results) | {"audit": {}, "test": {"accuracy": 0.9}})
    assert said(bare) == ["score", "not_audited", "gap"]
    assert "validation" not in said(without_validation())


def test_the_worst_classes_are_below_the_score_and_five_at_most() -> None:
    names = [f"class {n}" for n in range(12)]
    description = Description(**vars(results_of().description) | {"classes": names})
    by_class = {name: 0.4 + n / 20 for n, name in enumerate(names)}
    found = worst_classes(results_of(description=description, by_class=by_class, confusion=np.eye(12, dtype=int)))
    assert [name for name, _, _ in found] == names[:5]
    assert all(value < 0.9 for _, value, _ in found)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a small classifier was trained, evaluated and drawn."""
    place = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        prepare_classes()
        trained(classification({"name": "simple_cnn"}, epochs=1, lr=0.001, bits="machine"))
        evaluated()
        draw_figures()
        report = read_json(METRICS / "test.json")
        write_json(METRICS / "test.json", report | {"intervals": {"accuracy": [0.5, 0.75]}})
        config = Path("config")
        config.mkdir()
        write_json(config / "train.json", classification(bits="machine").model_dump())
        write_json(config / "fetch.json", {"source": "sample", "dataset": "cifar10", "archive": None, "sha256": None})
        (place / "images" / "audit.html").write_text("<html></html>")
        yield place


@pytest.fixture
def drawn(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The page of the report in each language."""
    monkeypatch.chdir(task)
    results = read_results(DATA, Path("predictions"), METRICS)
    results = replace(results, by_class={results.description.classes[0]: 0.0})
    pages = {language: tmp_path / f"own_{language}.html" for language in ("en", "zh")}
    for language, page in pages.items():
        write_report(page, "own", results, Path("config/train.json"), Path("plots"), Path("images"), language)
    return pages


def test_the_page_tells_the_essentials_first(drawn: dict[str, Path]) -> None:
    page = drawn["en"].read_text(encoding="utf-8")
    headings = re.findall(r'<h2 id="(\w+)"', page)
    assert headings == ["facts", "worst", "advice", "contents", "metrics", "figures", "classes", "parameters"]
    assert "its 95 % interval is 0.500 to 0.750" in page
    assert '<a href="images/audit.html">' in page and "check.html" not in page
    assert "<code>dvc exp run -S tasks.own.audit.enabled=true plot@own</code>" in page
    assert re.search(
        r'<th scope="row">accuracy</th><td class="number">[\d.]+</td><td class="number">0.5000 – 0.7500<', page
    )
    assert "`" not in re.sub(r"base64,[^\"]*", "", page)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_passes_axe_and_fits_a_phone(drawn: dict[str, Path], language: str, tmp_path: Path) -> None:
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(drawn[language])
        assert browser.violations() == []
        browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
        assert browser.value("document.documentElement.scrollWidth") <= 390
        browser.press("Tab")
        assert browser.value("document.activeElement.className") == "skip"
        browser.call("Emulation.clearDeviceMetricsOverride")
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
        details = "getComputedStyle(document.querySelector('.details')).breakBefore"
        assert browser.value(details) == "page", "the essentials have the first page for themselves"
        advice = "document.querySelector('section[aria-labelledby=advice]').getBoundingClientRect().bottom"
        assert browser.value(advice) < 1123, "and fit on it: A4 at 96 dots an inch"
    finally:
        browser.close()


def test_the_card_is_one_that_the_hub_reads(task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(task)
    results = read_results(DATA, Path("predictions"), METRICS)
    paths = [tmp_path / name for name in ("a.md", "b.md")]
    for path in paths:
        write_card(path, "own", results, DATA, Path("config"))
    text = paths[0].read_text(encoding="utf-8")
    assert text == paths[1].read_text(encoding="utf-8")
    card = ModelCard.load(paths[0])
    assert card.data.license is None and "# license:" in text
    assert card.data.pipeline_tag == "image-classification"
    evaluated_metrics = {one.metric_type: one.metric_value for one in card.data.eval_results}
    report = read_json(METRICS / "test.json")
    assert evaluated_metrics["accuracy"] == report["accuracy"] and "intervals" not in evaluated_metrics
    assert f"| `accuracy` | {report['accuracy']} | 0.5000 – 0.7500 |" in text
    assert hash_folder(DATA) in text
    assert "The data were not audited" in text
    recipe = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])
    assert recipe == json.loads(Path("config/train.json").read_text())
    assert str(task) not in text and "{" not in text.replace("{{", "").split("```")[0]


def test_the_hash_of_the_data_sees_names_and_contents(task: Path, tmp_path: Path) -> None:
    shutil.copytree(task / DATA, tmp_path / "data")
    before = hash_folder(tmp_path / "data")
    assert before == hash_folder(task / DATA)
    (tmp_path / "data/test_labels.npy").rename(tmp_path / "data/other.npy")
    renamed = hash_folder(tmp_path / "data")
    (tmp_path / "data/other.npy").write_bytes(b"")
    assert len({before, renamed, hash_folder(tmp_path / "data")}) == 3
