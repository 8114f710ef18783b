"""Train a task's model: models/TASK/model.safetensors, and the figures of every epoch."""

from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_stage
from darkroom.training.parameters import training_parameters


def main(task: str) -> None:
    parameters = training_parameters(task)
    limit_pytorch(parameters.train.bits)
    from darkroom.training.train import Outputs, train  # here, since PyTorch reads the environment at its import

    train(
        parameters,
        Path("data/prepared", task),
        Outputs(
            model=Path("models", task, "model.safetensors"),
            history=Path("metrics", task, "history.csv"),
            report=Path("metrics", task, "train.json"),
            state=Path("runs", task, "state.pt"),
            costs=Path("runs", task, "costs.json"),
        ),
    )


if __name__ == "__main__":
    run_stage(main)
