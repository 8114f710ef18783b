"""Whether two runs with the same parameters give the same bytes on this machine's device.

    python -m bench.exact TASK [EPOCHS]

Trains TASK twice on its prepared data, as `params.yaml` and `stages.configure` say but for so many
epochs (default 1), and compares the model files, histories and reports byte by byte.
"""

import sys
import tempfile
from pathlib import Path

from darkroom.common.environment import limit_pytorch
from darkroom.common.files import read_json
from darkroom.common.parameters import CONFIG


def main(task: str, epochs: int) -> None:
    # Before the parameters: they import the models and so PyTorch, which reads the environment at its import.
    limit_pytorch(read_json(CONFIG / task / "train.json").get("train", {}).get("bits", "machine"))
    from darkroom.training.parameters import training_parameters
    from darkroom.training.train import Outputs, train

    whole = training_parameters(task)

    hyper = whole.train.model_copy(update={"epochs": epochs, "warmup_epochs": min(whole.train.warmup_epochs, epochs)})
    parameters = whole.model_copy(update={"train": hyper})
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("first", "second"):
            root = Path(folder, name)
            outputs = Outputs(
                root / "model.safetensors", root / "history.csv", root / "train.json", root / "state.pt",
                root / "costs.json",
            )  # fmt: skip
            train(parameters, Path("data/prepared", task), outputs)
            runs.append([path.read_bytes() for path in (outputs.model, outputs.history, outputs.report)])
    same = runs[0] == runs[1]
    print(f"{task}: {'the same bytes' if same else 'DIFFERENT BYTES'} twice")
    sys.exit(not same)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
