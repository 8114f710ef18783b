"""Writing files and folders whole or not at all, and JSON the same way everywhere."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.common.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, rename it to `path`.

    The block may make a file or a folder of it. When the block raises, what it made is deleted and
    what stood at `path` before stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():  # a folder cannot be renamed over one that holds something
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


def write_json(path: Path, content: dict) -> None:
    """Write `content` as indented JSON, keys in the order given, ending in a newline."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict:
    """Read a JSON file that an earlier stage wrote.

    Raises:
        UserError: there is no such file, or it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); delete it and run `dvc repro`") from None


def read_yaml(path: Path) -> object:
    """As `parse_yaml`, of a file.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it is no YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is no YAML: {error}") from None


def parse_yaml(text: str, name: str) -> object:
    """The content of YAML of version 1.2, as DVC reads params.yaml: `no` is a text, `5e-4` a number.

    Args:
        name: of where it stands, for the message.

    Raises:
        UserError: it is no YAML.
    """
    from ruamel.yaml import YAML  # here, since training does without it
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe").load(text)
    except YAMLError as error:
        raise UserError(f"{name}: is no YAML: {error}") from None
