"""The parameter that names the device."""

from pydantic import Field

from darkroom.common.parameters import Parameters


class DeviceParameters(Parameters):
    """Where models compute. Changing it reruns nothing: a result is the same result on another machine."""

    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$")
    """Where to train and evaluate: auto, cpu, cuda, cuda:1 (the second GPU) or mps (a Mac's). auto takes a GPU if there
    is one that PyTorch can use."""
