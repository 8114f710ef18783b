"""Check that two trainings with the same parameters give the same bytes on this machine.

    python -m bench.exact TASK [EPOCHS]

Trains TASK twice on its prepared data for EPOCHS epochs (default 1), with the parameters that `stages.configure` wrote.
Compares the model files, histories and reports byte by byte. Exits with code 1 if they differ.
"""

import sys
import tempfile
from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_command
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG


def main(task: str, epochs: int) -> None:
    """Train `task` twice and print whether the files are the same."""
    # The imports of PyTorch come after this, since it reads the environment when it is imported.
    limit_pytorch(read_json(CONFIG / task / "train.json")["train"]["bits"])
    from darkroom.training.parameters import training_parameters
    from darkroom.training.train import Outputs, train

    parameters, machine = training_parameters(task)
    warmup_epochs = min(parameters.train.warmup_epochs, epochs)
    changes = {"epochs": epochs, "warmup_epochs": warmup_epochs}
    parameters = parameters.model_copy(update={"train": parameters.train.model_copy(update=changes)})
    contents = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            root = Path(folder, name)
            outputs = Outputs(
                root / "model.safetensors", root / "history.csv", root / "train.json", root / "state.pt",
                root / "costs.json",
            )  # fmt: skip
            train(parameters, machine, Path("data/prepared", task), outputs)
            contents.append([path.read_bytes() for path in (outputs.model, outputs.history, outputs.report)])
    is_same = contents[0] == contents[1]
    print(f"{task}: both trainings gave {'the same bytes' if is_same else 'DIFFERENT BYTES'}")
    sys.exit(not is_same)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1))
