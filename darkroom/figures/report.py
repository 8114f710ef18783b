"""The report of a task: one HTML file with metrics, figures, classes and parameters that loads nothing else."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from PIL import Image

from darkroom.common.files import read_json, replacing, write_text
from darkroom.datasets.description import Description
from darkroom.datasets.kinds import kind_of
from darkroom.figures.kinds import figures_of

QUALITY = 90  # of the WebP figures; their text stays sharp
TEMPLATE = Path(__file__).with_suffix(".html")
# The title and the caption of each figure, by the name of its file, in the order of the report.
CAPTIONS = {
    "learning_curves": (
        "Learning curves",
        "If the training score still improves while the validation score does not, the model overfits. If both curves "
        "still improve at the end, more epochs would help.",
    ),
    "learning_rate": ("Learning rate", "Where the learning rate falls, the loss should fall too."),
    "confusion": (
        "Confusion matrix",
        "Each row is a true class, and its shares add up to one. A dark cell off the diagonal is a frequent error: the "
        "class of its row is predicted as the class of its column.",
    ),
    "classes": (
        "Classes",
        "The dashed line is the metric over all classes. Classes whose bars end far to the left of it need attention.",
    ),
    "confused_pairs": (
        "Most frequent errors",
        "Two classes that are confused in both directions are hard to tell apart. A confusion in one direction only "
        "points to a bias.",
    ),
    "confident_errors": (
        "Most confident errors",
        "Errors with high confidence are often wrong labels, or images that show two classes.",
    ),
    "predictions": (
        "Predictions",
        "Correct predictions are green, errors are red. Up to half of the images are chosen to be errors.",
    ),
    "grad_cam": (
        "Grad-CAM",
        "Bright places speak for the named class. A model whose bright places lie in the background has learned the "
        "wrong features. In an error, they show which part of the object misled the model.",
    ),
    "feature_maps": (
        "Feature maps",
        "Each channel of a convolution responds to other edges and colours. Pooling makes the maps smaller and keeps "
        "the largest value, or the mean, of each region.",
    ),
    "regions": (
        "Decision regions",
        "Where two colours meet, the predicted class changes. A border that bends around single points is a sign of "
        "overfitting. A border that is straight where the data bend shows that the model is too simple.",
    ),
    "fit": (
        "Fitted curve",
        "A curve that passes through every training point fits the noise. A curve that misses the bends of the data "
        "belongs to a model that is too simple, or was trained too briefly. Beyond the dotted lines there are no "
        "training points.",
    ),
    "reliability": (
        "Reliability",
        "Bars below the dashed line mean that the model is too confident, bars above it that it is not confident "
        "enough.",
    ),
    "ranks": (
        "Rank of the true class",
        "A high share at rank 2 means that the model often comes close. A high share of later ranks means that it does "
        "not recognize the class.",
    ),
    "overlays": (
        "Overlays",
        "Image, true mask and predicted mask of the test images with the worst and the best mean IoU. Look for what "
        "the worst images have in common.",
    ),
    "objects": (
        "Objects by size",
        "Low recall of small objects means that the model misses them. Low precision means that it predicts objects "
        "that are not there.",
    ),
    "annotations": (
        "Annotations",
        "If the colours of an overlay do not lie on the objects, the annotation or its conversion is wrong.",
    ),
}


def write_report(
    path: Path, task: str, data: Path, metrics: Path, parameters: Path, pictures: Path, chart_images: Path
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
    """
    description = Description.read(data)
    test, train = read_json(metrics / "test.json"), read_json(metrics / "train.json")
    classes = pd.read_csv(pictures / "classes.csv", keep_default_na=False, dtype=str)
    figures = [
        {"title": title, "caption": caption, "content": _webp(folder / f"{name}.png")}
        for name, (title, caption) in CAPTIONS.items()
        for folder in (chart_images, pictures)
        if (folder / f"{name}.png").exists()
    ]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        task=task,
        summary=_summary(description, test, train),
        numbers=list(_leaves(test)),
        figures=figures,
        classes={"columns": list(classes), "rows": classes.to_numpy().tolist()},
        parameters=list(_leaves(read_json(parameters))),
    )
    with replacing(path) as temporary:
        write_text(temporary, page)


def _summary(description: Description, test: dict[str, Any], train: dict[str, Any]) -> str:
    """Return one sentence on the training and one on the score."""
    images, score = description.images, description.score
    title, unit = figures_of(description.kind).TITLE, kind_of(description.kind).UNIT
    return (
        f"{title.format(len(description.classes))}, trained on {images['train']:,} {unit} for "
        f"{train['epochs']} epochs on {train['device']} in {train['precision']}. On {images['test']:,} test {unit} "
        f"the {score.replace('_', ' ')} is {test[score]:.4f}."
    )


def _webp(path: Path) -> str:
    """Return a figure as a WebP file in base64. With photos in it, WebP is much smaller than PNG."""
    content = io.BytesIO()
    with Image.open(path) as figure:
        figure.convert("RGB").save(content, "WEBP", quality=QUALITY)
    return base64.b64encode(content.getvalue()).decode()


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values in nested dictionaries, each with its keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
