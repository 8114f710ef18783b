"""The report of a task: one HTML file with metrics, figures, classes and parameters that loads nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from darkroom.common.files import read_json
from darkroom.datasets.description import Description
from darkroom.datasets.kinds import kind_of
from darkroom.figures.languages import Texts, texts_of
from darkroom.figures.pages import encode, write_page

QUALITY = 90  # of the WebP figures; their text stays sharp
TEMPLATE = Path(__file__).with_suffix(".html")


def write_report(
    path: Path,
    task: str,
    data: Path,
    metrics: Path,
    parameters: Path,
    pictures: Path,
    chart_images: Path,
    language: str = "en",
) -> None:
    """Write the report of a task.

    Args:
        path: of the HTML file.
        task: the task's name.
        data: the prepared data set.
        metrics: the folder of `train.json` and `test.json`.
        parameters: the JSON file of the parameters of the stage `train`.
        pictures: the folder of the figures and of `classes.csv`.
        chart_images: the folder of the figures that `dvc plots` shows as charts.
        language: a module of `darkroom.figures.languages`. The figures are the same in all.
    """
    texts = texts_of(language)
    description = Description.read(data)
    test, train = read_json(metrics / "test.json"), read_json(metrics / "train.json")
    classes = pd.read_csv(pictures / "classes.csv", keep_default_na=False, dtype=str)
    figures = [
        {"title": title, "caption": caption, "content": _webp(folder / f"{name}.png")}
        for name, (title, caption) in texts.captions.items()
        for folder in (chart_images, pictures)
        if (folder / f"{name}.png").exists()
    ]
    write_page(
        path,
        TEMPLATE,
        task=task,
        texts=texts,
        summary=_summary(texts, description, test, train),
        numbers=[(_with_key(texts, name), value) for name, value in _leaves(test)],
        figures=figures,
        classes={
            "columns": [texts.names.get(column, column) for column in map(str, classes)],
            "rows": classes.to_numpy().tolist(),
        },
        parameters=list(_leaves(read_json(parameters))),
    )


def _summary(texts: Texts, description: Description, test: dict[str, Any], train: dict[str, Any]) -> str:
    """Return one sentence on the training and one on the score."""
    train_unit, test_unit = texts.units[kind_of(description.kind).UNIT]
    return texts.summary.format(
        task=texts.kinds[description.kind].format(len(description.classes)),
        train=description.images["train"],
        train_unit=train_unit,
        epochs=train["epochs"],
        device=train["device"],
        precision=train["precision"],
        test=description.images["test"],
        test_unit=test_unit,
        score=texts.scores[description.score],
        value=test[description.score],
    )


def _with_key(texts: Texts, name: str) -> str:
    """Return how the report names a metric: where it has another name than in the file, with both."""
    return f"{texts.names[name]} ({name})" if name in texts.names else name


def _webp(path: Path) -> str:
    """Return a figure as a WebP file in base64. With photos in it, WebP is much smaller than PNG."""
    with Image.open(path) as figure:
        return encode(figure.convert("RGB"), "WEBP", quality=QUALITY)


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values in nested dictionaries, each with its keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
