"""Import the packages one by one, and print what they say as lines of JSON: ["darkroom", kind, name, value].

Packages that the command line names are left out, together with what is asked of them.
`python -m darkroom doctor` runs this in a process of its own, because an import may crash.
"""

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any


def main() -> None:
    """Try the packages, then ask PyTorch and matplotlib."""
    modules = modules_of(required())
    for package, names in modules.items():
        try:
            say("version", package, version(package))
        except PackageNotFoundError:
            say("version", package, "")
        for name in [] if package in sys.argv[1:] else names:
            say("importing", package, "")
            say("imported", package, error_of(name))
    if "torch" not in sys.argv:
        torch_facts()
    if "matplotlib" not in sys.argv:
        with suppress(Exception):  # the import has been tried above
            from matplotlib import font_manager

            from darkroom.figures.fonts import CHINESE

            installed = {font.name for font in font_manager.fontManager.ttflist}
            say("fonts", "", [name for name in CHINESE if name in installed])


def required() -> list[str]:
    """Return the names of the packages that pyproject.toml asks for."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [match[0] for text in project["dependencies"] if (match := re.match(r"[\w.-]+", text))]


def modules_of(packages: list[str]) -> dict[str, list[str]]:
    """Return the modules by which each package is imported."""
    provided: dict[str, list[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            provided.setdefault(_normalized(name), []).append(module)
    found = {}
    for package in packages:
        modules = provided.get(_normalized(package), [])
        same = [module for module in modules if _normalized(module) == _normalized(package)]
        found[package] = same or [module for module in modules if module.isidentifier() and module[0] != "_"]
    return found


def error_of(module: str) -> str:
    """Import a module and return its error in one line, or nothing."""
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever a broken package raises
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ""


def torch_facts() -> None:
    """Print what PyTorch says; what it cannot say is left out."""
    try:
        import torch
    except Exception:  # it has been told above
        return
    facts: dict[str, Callable[[], Any]] = {
        "version": lambda: str(torch.__version__),
        "cuda": lambda: torch.version.cuda or "",
        "hip": lambda: torch.version.hip or "",
        "available": lambda: torch.cuda.is_available(),
        "architectures": lambda: torch.cuda.get_arch_list(),
        "capability": lambda: torch.cuda.get_device_capability(),
        "gpu": lambda: torch.cuda.get_device_name(),
        "memory": lambda: torch.cuda.get_device_properties(0).total_memory,
        "mps_built": lambda: torch.backends.mps.is_built(),
        "mps": lambda: torch.backends.mps.is_available(),
        "threads": lambda: torch.get_num_threads(),
        "features": lambda: sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True),
        "training": training,
    }
    for name, fact in facts.items():
        with suppress(Exception):
            say("torch", name, fact())


def training() -> str:
    """Return where and in which number format a training with `bits: machine` computes."""
    from darkroom.device.precision import choose_device, choose_precision

    device = choose_device()
    return f"{device.type} in {choose_precision('auto', device)}"


def say(kind: str, name: str, value: object) -> None:
    """Print one line."""
    print(json.dumps(["darkroom", kind, name, value]), flush=True)


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
