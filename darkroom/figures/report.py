"""A task's results in one page that needs nothing else: numbers, figures, classes, parameters."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pandas as pd
from PIL import Image

from darkroom.common.files import read_json, replacing
from darkroom.datasets.description import Description
from darkroom.datasets.kinds import kind_of
from darkroom.figures.kinds import figures_of

QUALITY = 90  # at which lettering stays sharp
TEMPLATE = Path(__file__).with_suffix(".html")
# Of each figure its title and how to read it; they stand in the report in this order.
CAPTIONS = {
    "learning_curves": (
        "Learning curves",
        "Validation that stays behind training while training still improves means overfitting; two curves that are "
        "both still moving mean that more epochs would help.",
    ),
    "learning_rate": ("Learning rate", "Read it beside the curves: where it falls, the loss should fall with it."),
    "confusion": (
        "Confusion matrix",
        "Each row is a true class and adds up to one; what is dark off the diagonal is taken for the column's class.",
    ),
    "classes": ("Classes", "The dashed line is the figure over all classes; the bars far to its left need attention."),
    "confused_pairs": (
        "Most frequent errors",
        "A pair that is also there the other way round is hard to tell apart; one that is not points to a bias.",
    ),
    "confident_errors": (
        "Surest errors",
        "Errors that the model is sure of are often wrong labels, or images that show two classes.",
    ),
    "predictions": ("Predictions", "Right answers are green, errors red; up to half of the images are errors."),
    "grad_cam": (
        "Where the model looks",
        "Bright places speak for the class that is named; a model that looks at the background has learned the wrong "
        "thing, and an error that looks at the thing itself is an honest one.",
    ),
    "feature_maps": (
        "Feature maps",
        "A convolution answers to edges and colours, each channel to its own; pooling keeps what was strongest, or the "
        "mean, in a smaller picture.",
    ),
    "regions": (
        "Decision regions",
        "Where the colours meet the model changes its mind; a border that winds around single points is overfitted, "
        "one that is straight where the data winds is too simple a model.",
    ),
    "fit": (
        "The curve",
        "A curve that runs through every training point follows the noise; one that misses their bends is too simple, "
        "or was trained too little. Beyond the dotted lines the model has seen nothing.",
    ),
    "reliability": (
        "Reliability",
        "Bars below the dashed line mean that the model is surer than it may be, bars above that it is too modest.",
    ),
    "ranks": (
        "Rank of the true class",
        "Much in the second place means that the model nearly knows; much further on that it does not see the class.",
    ),
    "overlays": (
        "Overlays",
        "Image, truth and prediction of the test images with the worst and the best mean IoU: look at what the worst "
        "have in common.",
    ),
    "objects": (
        "Objects by their size",
        "Low bars at the small sizes mean that the model finds regions but not things; low precision that it invents.",
    ),
    "annotations": (
        "Annotations",
        "Overlays whose colours do not lie on the things mean that the conversion, or an annotation, is wrong.",
    ),
}


def write_report(
    path: Path, task: str, data: Path, metrics: Path, parameters: Path, pictures: Path, chart_images: Path
) -> None:
    """Write the page.

    Args:
        data: the prepared data set.
        metrics: the folder of `train.json` and `test.json`.
        parameters: what the stage `train` read, JSON.
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
        temporary.write_text(page, encoding="utf-8")


def _summary(description: Description, test: dict, train: dict) -> str:
    images, score = description.images, description.score
    title, unit = figures_of(description.kind).TITLE, kind_of(description.kind).UNIT
    return (
        f"{title.format(len(description.classes))}, trained on {images['train']:,} {unit} for "
        f"{train['epochs']} epochs on {train['device']} in {train['precision']}. On {images['test']:,} test {unit} "
        f"its {score.replace('_', ' ')} is {test[score]:.4f}."
    )


def _webp(path: Path) -> str:
    """A figure as a WebP file, much smaller than a PNG of photos, in base64."""
    content = io.BytesIO()
    with Image.open(path) as figure:
        figure.convert("RGB").save(content, "WEBP", quality=QUALITY)
    return base64.b64encode(content.getvalue()).decode()


def _leaves(values: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """What lies in nested dictionaries, under its keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
