"""Train a task's model: models/TASK/model.safetensors, and the figures of every epoch."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.training.parameters import training_parameters
from darkroom.training.train import train


def main(task: str) -> None:
    train(
        training_parameters(task),
        Path("data/prepared", task),
        Path("models", task, "model.safetensors"),
        Path("metrics", task, "history.csv"),
    )


if __name__ == "__main__":
    run_stage(main)
