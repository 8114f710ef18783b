"""Writing files and folders whole or not at all, and reading and writing JSON and YAML."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from darkroom.common.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` at the end of the block.

    The block writes a file or a folder there. If the block raises, its output is deleted, and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():  # a folder cannot be renamed over one that is not empty
            remove(path)
        temporary.replace(path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Delete the file or folder at `path`, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON, keys in the order given, ending in a newline."""
    with replacing(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        temporary.write_text(text, encoding="utf-8", newline="\n")


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file that an earlier stage wrote.

    Raises:
        UserError: there is no such file, or it is not JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from None


def read_yaml(path: Path) -> object:
    """Return the content of a YAML file, as `parse_yaml`.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is not YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not YAML: {error}") from None


def parse_yaml(text: str, name: str) -> object:
    """Return the content of YAML 1.2, which DVC uses for params.yaml: `no` is a string, `5e-4` a number.

    Args:
        text: YAML.
        name: of the file, for the message.

    Raises:
        UserError: it is not YAML.
    """
    from ruamel.yaml import YAML  # imported here, since training does not need it
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise UserError(f"{name}: is not YAML: {error}") from None
