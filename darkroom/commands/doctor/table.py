"""Run the checks and print what they find."""

from __future__ import annotations

import io
import json
import os
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Callable  # noqa: UP035 - that of collections.abc takes no [] in Python 3.8

from darkroom.commands.doctor import device_checks, file_checks, git_checks, network_checks, python_checks
from darkroom.commands.doctor.machine import Finding, Machine, look

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 110
Check = Callable[[Machine], "list[Finding]"]
CHECKS: tuple[Check, ...] = (
    python_checks.check_python,
    python_checks.check_environment,
    python_checks.check_packages,
    device_checks.check_training,
    device_checks.check_gpu,
    device_checks.check_mps,
    device_checks.check_cores,
    device_checks.check_number_formats,
    file_checks.check_disk,
    file_checks.check_writing,
    file_checks.check_path,
    file_checks.check_fonts,
    git_checks.check_git,
    git_checks.check_line_ends,
    git_checks.check_dvc,
    git_checks.check_cache,
    network_checks.check_proxies,
)


def doctor(network: bool, as_json: bool) -> int:
    """Print what this machine will do and what is wrong with it. Return the exit code: 1 if there is a fault.

    Args:
        network: ask the servers of the published data sets too.
        as_json: print JSON instead of a table.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # of paths that a console cannot show
    machine = look(ROOT, os.environ)
    findings = examine(machine)
    if network:
        findings += examine(machine, (_check_servers,))
    faults = sum(finding.verdict == "fault" for finding in findings)
    if as_json:
        print(
            json.dumps({"faults": faults, "findings": [asdict(one) for one in findings]}, indent=2, ensure_ascii=False)
        )
    else:
        print(report(findings))
    return 1 if faults else 0


def examine(machine: Machine, checks: tuple[Check, ...] = CHECKS) -> list[Finding]:
    """Return what the checks find. A check that fails itself is a note, and the others go on."""
    findings = []
    for check in checks:
        try:
            findings += check(machine)
        except Exception as error:  # an unusual machine must not hide what the others find
            name = check.__name__.strip("_").replace("check_", "").replace("_", " ")
            findings.append(Finding(name, f"cannot be looked at: {type(error).__name__}: {error}", "note"))
    return findings


def report(findings: list[Finding]) -> str:
    """Return the table, and beneath it each fault and note with the command that mends it."""
    width = max(len(one.check) for one in findings)
    lines = [f"{'check':{width}}  verdict  found"]
    for one in findings:
        first, *rest = textwrap.wrap(one.found, WIDTH - width - 11, break_long_words=False) or [""]
        lines.append(f"{one.check:{width}}  {one.verdict:7}  {first}")
        lines += [" " * (width + 11) + line for line in rest]
    for verdict, title in (("fault", "To be mended:"), ("note", "Worth knowing:")):
        told = [one for one in findings if one.verdict == verdict and one.mend]
        if told:
            lines += ["", title]
            lines += [line for one in told for line in (f"  {one.check}: {one.found}", f"      {one.mend}")]
    if all(one.verdict != "fault" for one in findings):
        lines += ["", "Nothing is wrong."]
    return "\n".join(lines)


def _check_servers(machine: Machine) -> list[Finding]:
    return network_checks.check_servers(machine, network_checks.published_files())
