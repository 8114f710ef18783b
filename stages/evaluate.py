"""Try a task's trained model on the test split: metrics/TASK/test.json, and its predictions."""

from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_stage
from darkroom.common.parameters import read_parameters
from darkroom.evaluation.parameters import EvaluateParameters


def main(task: str) -> None:
    parameters = read_parameters("evaluate", task, EvaluateParameters)
    limit_pytorch(parameters.bits)
    from darkroom.evaluation.evaluate import evaluate  # here, since PyTorch reads the environment at its import

    evaluate(
        parameters,
        Path("models", task, "model.safetensors"),
        Path("data/prepared", task),
        Path("metrics", task, "train.json"),
        Path("data/predictions", task),
        Path("metrics", task, "test.json"),
    )


if __name__ == "__main__":
    run_stage(main)
