"""Every package that the code imports is a dependency that pyproject.toml declares."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"darkroom", "setup_env", "stages", "bench", *(path.stem for path in (ROOT / "tests").glob("*.py"))}


def declared_packages(*extras: str) -> set[str]:
    """The distributions that the project depends on, with those of the given extras; normalized names."""
    listed = [*PROJECT["dependencies"], *(name for extra in extras for name in PROJECT["optional-dependencies"][extra])]
    return {normalize(re.match(r"[\w.-]+", requirement)[0]) for requirement in listed}


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_packages(folder: Path) -> set[str]:
    """The third-party packages that the modules in a folder import."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - OURS


@pytest.mark.parametrize(
    ("folder", "extras"), [("darkroom", ("onnx",)), ("stages", ()), ("bench", ()), ("tests", ("onnx", "test"))]
)
def test_every_import_is_a_declared_dependency(folder: str, extras: tuple[str, ...]) -> None:
    providers = packages_distributions()
    known = declared_packages(*extras)
    for package in imported_packages(ROOT / folder):
        names = {normalize(name) for name in providers[package]}
        assert names & known, f"{folder} imports {package} of {names}, which pyproject.toml does not declare"
