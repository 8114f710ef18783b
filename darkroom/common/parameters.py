"""Parameters: their checked form, and one line for each way a value can be wrong."""

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from darkroom.common.errors import UserError
from darkroom.common.files import read_json

CONFIG = Path("data/config")


class Parameters(BaseModel):
    """Base of every room's parameters: no unknown keys, no silent conversion of types, no change later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


P = TypeVar("P", bound=Parameters)


def check(model: type[P], values: dict, where: str, file: str = "params.yaml") -> P:
    """`values`, checked against `model`.

    Args:
        where: the key in `file` that the values stand under, such as `tasks.cifar10`.

    Raises:
        UserError: the first wrong value, with its key and what is allowed.
    """
    for key, number in _infinite(values, where):
        raise UserError(f"{file}: {key} = {number}: must be a finite number")
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        raise UserError(f"{file}: {_explain(invalid, model, where)}") from None


def for_stage(stage: str, task: str, model: type[P]) -> P:
    """The parameters that the stage `configure` wrote for `stage` of `task`.

    Raises:
        UserError: the stage `configure` has not run, or its file does not fit `model`.
    """
    path = CONFIG / task / f"{stage}.json"
    return check(model, read_json(path), stage, str(path))


def nearest(name: str, known: list[str]) -> str:
    """`did you mean …` where a known name is close, else the list of those known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"


def _infinite(values: object, key: str) -> Iterator[tuple[str, float]]:
    """The numbers in nested values that are infinite or none, with their keys: what is for a library is not typed."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield from _infinite(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, list):
        for place, value in enumerate(values):
            yield from _infinite(value, f"{key}[{place}]")
    elif isinstance(values, float) and not math.isfinite(values):
        yield key, values


def _explain(invalid: ValidationError, model: type[BaseModel], where: str) -> str:
    error = invalid.errors()[0]
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not error["loc"]:  # of values that do not fit each other
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
