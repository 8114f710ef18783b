"""The report of a task: one HTML file that loads nothing else, with what matters most first."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from darkroom.common.files import read_json
from darkroom.datasets.kinds import kind_of
from darkroom.figures.kinds import figures_of
from darkroom.figures.languages import Texts, texts_of
from darkroom.figures.overview import Results, tell
from darkroom.figures.pages import encode, write_page

QUALITY = 90  # of the WebP figures; their text stays sharp
TEMPLATE = Path(__file__).with_suffix(".html")
PAGES = ("audit", "check")  # beside the figures, where they exist


def write_report(
    path: Path,
    task: str,
    results: Results,
    parameters: Path,
    pictures: Path,
    chart_images: Path,
    language: str = "en",
) -> None:
    """Write the report of a task.

    Args:
        path: of the HTML file.
        task: the task's name.
        results: what the stages wrote about the task.
        parameters: the JSON file of the parameters of the stage `train`.
        pictures: the folder of the figures and of `classes.csv`.
        chart_images: the folder of the figures that `dvc plots` shows as charts, and of further pages.
        language: a module of `darkroom.figures.languages`. The figures are the same in all.
    """
    texts = texts_of(language)
    classes = pd.read_csv(pictures / "classes.csv", keep_default_na=False, dtype=str)
    figures = [
        {"title": title, "caption": caption, "content": _webp(folder / f"{name}.png")}
        for name, (title, caption) in texts.captions.items()
        for folder in (chart_images, pictures)
        if (folder / f"{name}.png").exists()
    ]
    facts, worst, advice = (list(map(_parts, sentences)) for sentences in tell(texts, results, task))
    intervals = results.test.get("intervals", {})
    metrics = {name: value for name, value in results.test.items() if name != "intervals"}
    write_page(
        path,
        TEMPLATE,
        task=task,
        texts=texts,
        summary=training_summary(texts, results),
        facts=facts,
        worst=worst,
        advice=advice,
        class_metric=figures_of(results.description.kind).CLASS_METRIC,
        pages=[
            (page, f"{chart_images.name}/{page}.html") for page in PAGES if (chart_images / f"{page}.html").exists()
        ],
        numbers=[
            (_with_key(texts, name), value, interval_text(intervals.get(name))) for name, value in leaves(metrics)
        ],
        figures=figures,
        classes={
            "columns": [texts.names.get(column, column) for column in map(str, classes)],
            "rows": classes.to_numpy().tolist(),
        },
        parameters=list(leaves(read_json(parameters))),
    )


def training_summary(texts: Texts, results: Results) -> str:
    """Return one sentence on the training."""
    description, train = results.description, results.train
    train_unit, _ = texts.units[kind_of(description.kind).UNIT]
    return texts.summary.format(
        task=texts.kinds[description.kind].format(len(description.classes)),
        train=description.images["train"],
        train_unit=train_unit,
        epochs=train["epochs"],
        device=train["device"],
        precision=train["precision"],
    )


def _parts(sentence: str) -> list[str]:
    """Return the parts of a sentence between its backticks. Every second one is code."""
    return sentence.split("`")


def interval_text(limits: list[float] | None) -> str:
    """Return an interval as tables have it; nothing for none."""
    return f"{limits[0]:.4f} – {limits[1]:.4f}" if limits else ""


def _with_key(texts: Texts, name: str) -> str:
    """Return how the report names a metric: where it has another name than in the file, with both."""
    return f"{texts.names[name]} ({name})" if name in texts.names else name


def _webp(path: Path) -> str:
    """Return a figure as a WebP file in base64. With photos in it, WebP is much smaller than PNG."""
    with Image.open(path) as figure:
        return encode(figure.convert("RGB"), "WEBP", quality=QUALITY)


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values in nested dictionaries, each with its keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
