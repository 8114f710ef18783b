"""Evaluation of a trained model on the test split."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import read_json, replacing, write_json
from darkroom.datasets.description import Description
from darkroom.device.setup import set_up
from darkroom.evaluation.inference import TrainedModel
from darkroom.evaluation.intervals import as_lists, gap_interval
from darkroom.evaluation.kinds import evaluator_of
from darkroom.evaluation.parameters import EvaluateParameters
from darkroom.models.model_file import load_model


def evaluate(
    parameters: EvaluateParameters, model_file: Path, data: Path, training: Path, predictions: Path, report: Path,
    where: str = "auto",
) -> None:  # fmt: skip
    """Write the metrics of a model on the test split, its predictions, and tables of them.

    The metrics include `gap_to_train` and `gap_to_validation`: how far the test score is below those of training.
    `intervals` has, by the name of a metric, the ends of its 95 % interval over test images; null where these are too
    few or do not differ. Those of the gaps take the score of training as known.

    Args:
        parameters: of the stage `evaluate`.
        model_file: the trained model.
        data: folder of the prepared data set.
        training: the report of the stage `train`, a JSON file with the scores of training and validation.
        predictions: folder to write predictions and tables to.
        report: JSON file to write metrics to.
        where: the device, as in params.yaml.

    Raises:
        UserError: the model was trained for other classes than those of the data set.
    """
    device = set_up(parameters.bits, device=where).device
    model, card = load_model(model_file, device)
    description = Description.read(data)
    if (card.kind, card.classes) != (description.kind, description.classes):
        raise UserError(f"{model_file}: was trained for other classes than {data} has; train it again")
    with replacing(predictions) as folder:
        folder.mkdir()
        trained = TrainedModel(model, card, data, description, device)
        metrics = evaluator_of(card.kind).evaluate(trained, parameters.evaluate, folder)
    intervals = metrics.pop("intervals")
    training_report, score = read_json(training), description.score
    for split in ("train", "validation"):
        if f"{split}_{score}" in training_report:
            training_score = training_report[f"{split}_{score}"]
            metrics[f"gap_to_{split}"] = round(training_score - metrics[score], 6)
            intervals |= as_lists({f"gap_to_{split}": gap_interval(training_score, intervals[score])})
    write_json(report, metrics | {"intervals": intervals})
