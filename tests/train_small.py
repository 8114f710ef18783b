"""Train on the data set in this folder, with a model and changed parameters as JSON; torchrun starts several of it."""

import json
import signal
import sys

from small_runs import DATA, OUTPUTS, classification

from darkroom.common.errors import run_command
from darkroom.training.parameters import MachineParameters
from darkroom.training.train import train

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests without Ctrl-C
    model, changes = json.loads(sys.argv[1]), json.loads(sys.argv[2])
    run_command(lambda: train(classification(model, **changes), MachineParameters(workers=0), DATA, OUTPUTS))
