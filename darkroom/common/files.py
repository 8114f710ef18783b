"""Writing files and folders whole or not at all, and reading and writing text, tables, JSON and YAML.

All text is UTF-8 with LF line ends on every system, so it is written by `write_text` alone.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from darkroom.common.errors import UserError
from darkroom.common.platform import allow_deletion, replace


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` at the end of the block.

    The block writes a file or a folder there, and closes all that it opened: Windows renames no open or mapped file. If
    the block raises, its output is deleted, and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    remove(temporary)
    try:
        yield temporary
        if temporary.is_dir():  # a folder cannot be renamed over one that is not empty
            remove(path)
        replace(temporary, path)
    except BaseException:
        with suppress(PermissionError):  # on Windows the block may have left a file open; the next run deletes it
            remove(temporary)
        raise


def remove(path: Path) -> None:
    """Delete the file or folder at `path`, if there is one, read-only files too."""
    if path.is_dir() and not path.is_symlink():
        allow_deletion(path)
        shutil.rmtree(path)
    elif path.exists() or path.is_symlink():
        allow_deletion(path)
        path.unlink(missing_ok=True)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Return paths sorted alike on all systems. Sorted as they are, Windows would ignore the case of letters."""
    return sorted(paths, key=lambda path: path.parts)


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, with the line ends that it has."""
    path.write_text(text, encoding="utf-8", newline="\n")


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a table as CSV. None becomes an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON, keys in the order given, ending in a newline."""
    with replacing(path) as temporary:
        write_text(temporary, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


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
