"""Finding the modules of a package by their names. Each loss, for example, is the module of its name.

To add one, add a file. There is no list to extend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, TypeVar, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from darkroom.common.parameters import nearest

Base = TypeVar("Base")


@cache
def names_in(package: str) -> list[str]:
    """Return the sorted names of the modules in `package`, except those that begin with `_`."""
    return sorted(
        module.name for module in iter_modules(import_module(package).__path__) if not module.name.startswith("_")
    )


def module_named(package: str, name: str) -> ModuleType:
    """Import and return the module `name` of `package`.

    Raises:
        ValueError: `package` has no such module.
    """
    known = names_in(package)
    if name not in known:
        raise ValueError(f"there is none of that name; {nearest(name, known)}")
    return import_module(f"{package}.{name}")


def classes_in(package: str, base: Callable[..., Base]) -> dict[str, type[Base]]:
    """Return the subclass of `base` that each module of `package` defines, by the module's name.

    Args:
        package: the package's full name.
        base: a class. Its type is a callable since mypy lets no abstract class be passed as `type[Base]`.

    Raises:
        TypeError: a module defines none or several.
    """
    return {name: _class_in(module_named(package, name), base) for name in names_in(package)}


def _class_in(module: ModuleType, base: Callable[..., Base]) -> type[Base]:
    assert isinstance(base, type)
    found = [
        cast(type[Base], value)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define one subclass of {base.__name__}, not {len(found)}")
    return found[0]


@dataclass(frozen=True)
class NameIn:
    """Makes a field `Annotated[str, NameIn(package)]` take the names of the modules in a package.

    Attributes:
        package: The package's full name.
        besides: Further names that are allowed.
    """

    package: str
    besides: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Return the schema of the allowed names."""
        return core_schema.literal_schema([*self.besides, *names_in(self.package)])
