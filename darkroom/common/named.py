"""Things that params.yaml names, such as losses: each is a module of that name in a package, and found there.

Adding one is adding a file. No list is kept.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from darkroom.common.parameters import Parameters, nearest

Options = TypeVar("Options", bound=Parameters)


@cache
def names_in(package: str) -> list[str]:
    """Return the names of the modules in `package`, sorted, but not those whose names begin with `_`."""
    return sorted(
        module.name for module in iter_modules(import_module(package).__path__) if not module.name.startswith("_")
    )


def module_named(package: str, name: str) -> ModuleType:
    """Import the module `name` of `package`.

    Raises:
        ValueError: `package` has no such module.
    """
    known = names_in(package)
    if name not in known:
        raise ValueError(f"there is none of this name; {nearest(name, known)}")
    return import_module(f"{package}.{name}")


def classes_in(package: str, base: type[Options]) -> dict[str, type[Options]]:
    """Return the subclass of `base` that each module of `package` defines, by the module's name.

    Raises:
        TypeError: a module defines none or several.
    """
    return {name: _class_in(module_named(package, name), base) for name in names_in(package)}


def _class_in(module: ModuleType, base: type[Options]) -> type[Options]:
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one subclass of {base.__name__}, not {len(found)}")
    return found[0]


@dataclass(frozen=True)
class NameIn:
    """Makes a field `Annotated[str, NameIn(package)]` take the names of the modules in a package."""

    package: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Return the schema of the names."""
        return core_schema.literal_schema(names_in(self.package))
