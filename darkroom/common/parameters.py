"""The base of all parameter classes, and one-line messages for wrong values."""

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from darkroom.common.errors import UserError
from darkroom.common.files import read_json

CONFIG = Path("data/config")


class Parameters(BaseModel):
    """Base of all parameter classes: unknown keys and wrong types are refused, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


P = TypeVar("P", bound=Parameters)


def check(model: type[P], values: dict[str, Any], where: str, file: str = "params.yaml") -> P:
    """Return `values` as an instance of `model`.

    Args:
        model: the class to check against.
        values: by key.
        where: the key in `file` that holds the values, such as `tasks.cifar10`.
        file: for messages.

    Raises:
        UserError: a value is wrong. The message names the first one's key and what is allowed.
    """
    for key, number in _find_infinite(values, where):
        raise UserError(f"{file}: {key} = {number}: must be a finite number")
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        raise UserError(f"{file}: {_explain(invalid, model, where)}") from None


def read_parameters(stage: str, task: str, model: type[P]) -> P:
    """Return the parameters that the stage `configure` wrote for `stage` of `task`.

    Raises:
        UserError: the stage `configure` has not run, or its file does not fit `model`.
    """
    path = CONFIG / task / f"{stage}.json"
    return check(model, read_json(path), stage, str(path))


def nearest(name: str, known: list[str]) -> str:
    """Return `did you mean …?` if a known name is similar, else a list of the known names."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _find_infinite(values: object, key: str) -> Iterator[tuple[str, float]]:
    """Yield infinite numbers and NaN in nested values, with their keys.

    pydantic does not find them in values that are passed to a library, whose types are unknown.
    """
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _find_infinite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from _find_infinite(value, f"{key}[{index}]")
    elif isinstance(values, float) and not math.isfinite(values):
        yield key, values


def _explain(invalid: ValidationError, model: type[BaseModel], where: str) -> str:
    error = invalid.errors()[0]
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not error["loc"]:  # a validator of the whole class refused the values
        return f"{where}: {message}"
    *parents, last = (str(part) for part in error["loc"])
    key = ".".join(filter(None, [where, *parents, last]))
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}: {nearest(last, _fields_at(model, parents))}"
    if error["type"] == "missing":
        return f"{key} is missing: give it a value"
    return f"{key} = {error['input']!r}: {message}"


def _fields_at(model: type[BaseModel], parents: list[str]) -> list[str]:
    for name in parents:
        field = model.model_fields.get(name)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
