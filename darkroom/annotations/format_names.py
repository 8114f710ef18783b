"""The names and descriptions of the annotation formats, read without importing a format.

So `python -m darkroom --help` does not wait for NumPy and Pillow.
"""

import ast
from pathlib import Path
from pkgutil import iter_modules

FOLDER = Path(__file__).with_name("formats")


def format_names() -> list[str]:
    """Return the names of the modules in `darkroom/annotations/formats`, sorted; names that begin with `_` are none."""
    return sorted(module.name for module in iter_modules([str(FOLDER)]) if not module.name.startswith("_"))


def describe_formats() -> dict[str, str]:
    """Return the docstring of each format's module by the format's name."""
    sources = {name: (FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in format_names()}
    return {name: ast.get_docstring(ast.parse(source)) or "" for name, source in sources.items()}
