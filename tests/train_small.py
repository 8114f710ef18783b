"""Train on the prepared data set in the working directory; torchrun may start several of these processes.

The two arguments are JSON: the model, and the training parameters to change.
"""

import json
import signal
import sys

from small_runs import DATA, OUTPUTS, classification

from darkroom.common.errors import run_command
from darkroom.training.parameters import MachineParameters
from darkroom.training.train import train

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores SIGINT
    model, changes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    run_command(lambda: train(classification(model, **changes), MachineParameters(workers=0), DATA, OUTPUTS))
