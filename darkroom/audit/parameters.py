"""Parameters of the stage `audit`."""

from typing import Literal

from pydantic import model_validator

from darkroom.common.parameters import Parameters
from darkroom.datasets.kinds import kind_of


class Audit(Parameters):
    """The audit of the data set: duplicates, leakage, and likely wrong labels or masks."""

    enabled: bool = False
    """Whether the data set is audited. false: the stage writes an empty audit in a second."""
    leave_out: list[str] = []
    """Names of images to leave out of a classification, as the page audit.html shows and copies them: SPLIT/DIGEST. A
    segmentation has `annotations.leave_out`. They are left out whether the data set is audited or not."""


class AuditParameters(Parameters):
    """All parameters of the stage `audit`."""

    kind: str
    """The kind of task: a module of `darkroom.audit.kinds`."""
    seed: int
    """Seed of all random draws."""
    bits: Literal["everywhere", "machine"] = "machine"
    """everywhere: compute on the CPU, with the same bits on every x86-64 machine, as in training. machine: compute on
    the GPU if there is one."""
    audit: Audit = Audit()
    """The audit of the data set."""

    @model_validator(mode="after")
    def _fit_the_kind(self) -> "AuditParameters":
        key = kind_of(self.kind).LEAVE_OUT
        if self.audit.leave_out and key != "audit.leave_out":
            hint = f"use {key}" if key else "it has no images"
            raise ValueError(f"audit.leave_out is not for {self.kind}; {hint}")
        return self
