"""Train a task's model: models/TASK/model.safetensors, and metrics of every epoch in metrics/TASK/."""

from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_stage
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG, read_parameters


def main(task: str) -> None:
    """Train the model of `task`."""
    # The imports of PyTorch come after this, since it reads the environment when it is imported.
    limit_pytorch(read_json(CONFIG / task / "train.json")["train"]["bits"])
    from darkroom.device.parameters import DeviceParameters
    from darkroom.training.parameters import training_parameters
    from darkroom.training.train import Outputs, train

    train(
        *training_parameters(task),
        Path("data/prepared", task),
        Outputs(
            model=Path("models", task, "model.safetensors"),
            history=Path("metrics", task, "history.csv"),
            report=Path("metrics", task, "train.json"),
            state=Path("runs", task, "state.pt"),
            costs=Path("runs", task, "costs.json"),
        ),
        read_parameters("device", task, DeviceParameters).device,
    )


if __name__ == "__main__":
    run_stage(main)
