"""Python, its environment and the packages."""

from __future__ import annotations

import re
from pathlib import Path

import setup_env
from darkroom.commands.doctor.machine import Finding, Machine


def check_python(machine: Machine) -> list[Finding]:
    """Look at the version of Python."""
    version = ".".join(map(str, machine.version))
    found = f"{version}, {machine.bits} bits, {machine.system} {machine.processor}"
    install = machine.by_system(
        "winget install Python.Python.3.13", "brew install python@3.13", "sudo apt-get install python3.13-venv"
    )
    if not setup_env.OLDEST <= machine.version <= setup_env.NEWEST:
        return [Finding("Python", f"{found}; {setup_env.SUPPORTED} is needed", "fault", install)]
    if machine.bits == 32:
        return [Finding("Python", f"{found}; PyTorch needs 64", "fault", install)]
    code, translated = machine.ask("sysctl", "-n", "sysctl.proc_translated") if machine.system == "Darwin" else (0, "")
    if code == 0 and translated == "1":
        return [Finding("Python", f"{found}; made for Intel, on an Apple processor", "fault", install)]
    return [Finding("Python", found)]


def check_environment(machine: Machine) -> list[Finding]:
    """Look at the virtual environment, and at the `python` that DVC starts stages with."""
    venv = machine.root / ".venv"
    if machine.hosted:
        return [Finding("environment", f"{machine.hosted}'s own Python")]
    if _same(machine.prefix, venv):
        findings = [Finding("environment", ".venv")]
    elif machine.prefix != machine.base_prefix or "CONDA_PREFIX" in machine.environ:
        findings = [Finding("environment", f"{machine.prefix}, not .venv", "note", machine.set_up)]
    elif (venv / "pyvenv.cfg").exists():
        findings = [Finding("environment", ".venv is there and not active", "fault", machine.activate)]
    else:
        findings = [Finding("environment", "no .venv", "fault", machine.set_up)]
    code, prefix = machine.ask("python", "-c", "import sys; print(sys.prefix)")
    if code != 0 or not _same(Path(prefix), machine.prefix):
        other = machine.find("python") or "not there"
        found = f"DVC starts stages with `python` of PATH, which is {other}, not with this one"
        findings.append(Finding("python of PATH", found, "fault", machine.activate))
    return findings


def check_packages(machine: Machine) -> list[Finding]:
    """Look at whether all packages are there, can be imported and have the pinned versions."""
    versions, errors = machine.probe.versions, machine.probe.errors
    missing = [name for name, version in versions.items() if not version and name not in errors]
    findings = []
    if missing:
        findings.append(Finding("packages", f"missing: {', '.join(missing)}", "fault", machine.set_up))
    for name, error in errors.items():
        pinned = _pins(machine.root).get(_normalized(name), name)
        again = f"python -m pip install --force-reinstall --no-deps {pinned}"
        findings.append(Finding("packages", f"{name} cannot be imported: {error}", "fault", again))
    if findings or not versions:
        return findings
    pins = _pins(machine.root)
    others = [
        f"{name} {version}"
        for name, version in versions.items()
        if pins.get(_normalized(name), "").partition("==")[2] not in ("", version.partition("+")[0])
    ]
    if others:
        found = f"{len(versions)} can be imported; not as in constraints.txt: {', '.join(others)}"
        return [Finding("packages", found, "note", machine.set_up)]
    return [Finding("packages", f"all {len(versions)} can be imported")]


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").split()
    return {_normalized(line.partition("==")[0]): line for line in lines}


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
