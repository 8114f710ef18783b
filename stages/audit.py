"""Audit a task's data set: data/audit/TASK/findings.csv and metrics/TASK/audit.json, both empty where it is off."""

from pathlib import Path

from darkroom.audit.parameters import AuditParameters
from darkroom.audit.table import write_empty_audit
from darkroom.common.environment import limit_pytorch
from darkroom.common.errors import run_stage
from darkroom.common.parameters import read_parameters
from darkroom.device.parameters import DeviceParameters


def main(task: str) -> None:
    """Audit the data set of `task`."""
    parameters = read_parameters("audit", task, AuditParameters)
    found, report = Path("data/audit", task), Path("metrics", task, "audit.json")
    if not parameters.audit.enabled:
        write_empty_audit(found, report)
        return
    # The imports of PyTorch come after this, since it reads the environment when it is imported.
    limit_pytorch(parameters.bits)
    from darkroom.audit.audit import audit

    audit(
        parameters,
        Path("data/prepared", task),
        Path("models", task, "model.safetensors"),
        Path("data/predictions", task),
        found,
        report,
        read_parameters("device", task, DeviceParameters).device,
    )


if __name__ == "__main__":
    run_stage(main)
