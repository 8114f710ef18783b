"""Evaluate a task's model on the test split: metrics/TASK/test.json and data/predictions/TASK/."""

from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_stage
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG, read_parameters


def main(task: str) -> None:
    """Evaluate the model of `task`."""
    # The imports of PyTorch come after this, since it reads the environment when it is imported.
    limit_pytorch(read_json(CONFIG / task / "evaluate.json")["bits"])
    from darkroom.device.parameters import DeviceParameters
    from darkroom.evaluation.evaluate import evaluate
    from darkroom.evaluation.parameters import EvaluateParameters

    evaluate(
        read_parameters("evaluate", task, EvaluateParameters),
        Path("models", task, "model.safetensors"),
        Path("data/prepared", task),
        Path("metrics", task, "train.json"),
        Path("data/predictions", task),
        Path("metrics", task, "test.json"),
        read_parameters("device", task, DeviceParameters).device,
    )


if __name__ == "__main__":
    run_stage(main)
