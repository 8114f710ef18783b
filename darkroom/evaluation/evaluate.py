"""A trained model on the test split: figures for the report, and its prediction for every image."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, replacing, write_json
from darkroom.datasets.description import Description
from darkroom.device.allocator import keep_freed_memory
from darkroom.device.precision import choose_device, fix_algorithms
from darkroom.evaluation.classification import evaluate_classification
from darkroom.evaluation.inference import Trial
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.evaluation.points import evaluate_curve, evaluate_points
from darkroom.evaluation.segmentation import evaluate_segmentation
from darkroom.models.model_file import load_model

EVALUATIONS = {
    "classification": evaluate_classification,
    "segmentation": evaluate_segmentation,
    "points": evaluate_points,
    "regression": evaluate_curve,
}


def evaluate(
    parameters: EvaluateParameters, model_file: Path, data: Path, training: Path, predictions: Path, report: Path
) -> None:
    """Write the figures on the test split to `report`, and what the model says of its images to `predictions`.

    Args:
        training: the report of the stage `train`, from which the gaps are taken.

    Raises:
        UserError: the model was trained for other classes than the data has.
    """
    keep_freed_memory()
    fix_algorithms(bits=parameters.bits)
    device = choose_device(parameters.bits)
    model, card = load_model(model_file, device)
    description = Description.read(data)
    if (card.kind, card.classes) != (description.kind, description.classes):
        raise UserError(f"{model_file}: was trained for other classes than {data} has; train it again")
    with replacing(predictions) as folder:
        folder.mkdir()
        figures = EVALUATIONS[card.kind](Trial(model, card, data, description, device), parameters.evaluate, folder)
    trained, score = read_json(training), description.score
    gaps = {
        f"gap_to_{split}": round(trained[f"{split}_{score}"] - figures[score], 6)
        for split in ("train", "validation")
        if f"{split}_{score}" in trained
    }
    classes = figures.pop("classes")  # last, for they are many
    write_json(report, figures | gaps | {"classes": classes})
