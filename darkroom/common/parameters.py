"""The base of all parameter classes, and one-line messages for wrong values."""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from darkroom.common.errors import UserError
from darkroom.common.files import read_json

CONFIG = Path("data/config")
MOST_LISTED = 50  # known names in a message


class Parameters(BaseModel):
    """Base of all parameter classes: unknown keys and wrong types are refused, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class ByName:
    """Makes a field `Annotated[Base, ByName(classes)]` take any of several classes, by its key `name`.

    Attributes:
        classes: Returns the class for each name. It is called when the class that has the field is first used.
        bare: Whether a name alone, without options, will do: `muon` instead of `{name: muon}`.
    """

    classes: Callable[[], Mapping[str, type[Parameters]]]
    bare: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        choices = {name: handler.generate_schema(model) for name, model in self.classes().items()}
        union = core_schema.tagged_union_schema(choices, "name")
        return core_schema.no_info_before_validator_function(_expand_name, union) if self.bare else union


def _expand_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


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
    """Return `did you mean …?` if a known name is similar, else a list of the known names, or the first of many."""
    close = difflib.get_close_matches(name, known, n=1)
    shown = known if len(known) <= MOST_LISTED else [*known[:MOST_LISTED], f"… ({len(known)} in all)"]
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(shown)}"


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
    """Return the first error as one line: key, value, and what is allowed."""
    error = invalid.errors()[0]
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    place = _find_place(error["loc"], model)
    key = ".".join(filter(None, [where, *place.keys]))
    match error["type"]:
        case "value_error" if isinstance(error["input"], dict) or not place.keys:  # values that do not fit each other
            return f"{key}: {message}"
        case "union_tag_not_found":
            return f"{key}.name is missing: give it a value"
        case "union_tag_invalid":
            given = error["input"]["name"]
            return f"{key}.name = {given!r}: is not known here; {nearest(str(given), place.names)}"
        case "model_attributes_type":
            return f"{key} = {error['input']!r}: must be keys and values, such as {{name: {place.names[0]}}}"
        case "extra_forbidden" if place.name is not None:
            options = [field for field in place.fields if field != "name"]
            hint = nearest(place.keys[-1], options).replace("known:", "its options:") if options else "it has none"
            return f"unknown key {key}: {place.name} takes no {place.keys[-1]}; {hint}"
        case "extra_forbidden":
            return f"unknown key {key}: {nearest(place.keys[-1], place.fields)}"
        case "missing":
            return f"{key} is missing: give it a value"
    return f"{key} = {error['input']!r}: {message}"


@dataclass
class _Place:
    """Where an error is.

    Attributes:
        keys: The keys that lead there in the file.
        fields: The names of the fields beside it.
        name: The name that chose the class of these fields, where it was a `ByName`.
        names: The names that are known, where a `ByName` stands there.
    """

    keys: list[str]
    fields: list[str]
    name: str | None
    names: list[str]


def _find_place(location: tuple[str | int, ...], model: type[BaseModel]) -> _Place:
    """Return the place of pydantic's `location`, which besides keys holds the name behind each `ByName`."""
    place = _Place([], [], None, [])
    inner: type[BaseModel] | None = model
    choices: Mapping[str, type[Parameters]] = {}
    chosen: str | None = None
    for part in location:
        if choices:
            chosen = str(part)
            inner, choices = choices[chosen], {}
            continue
        fields = inner.model_fields if inner is not None else {}
        place = _Place([*place.keys, str(part)], list(fields), chosen, [])
        inner, chosen = None, None
        if part in fields:
            field = fields[str(part)]
            choices = next((data.classes() for data in field.metadata if isinstance(data, ByName)), {})
            place.names = list(choices)
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                inner = field.annotation
    return place
