"""Reading the pickled files of CIFAR's python version, without running what a pickle may hold.

A pickle is a program that can call any function. Here it can name five functions, none of which is called: stand-ins
take their places, which check what they get. Its instructions are counted before, since also lists and numbers can
exhaust memory and stack.
"""

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from darkroom.archives.member import Member
from darkroom.common.errors import UserError

# What a pickle of strings, whole numbers, lists, dictionaries and arrays is made of, in all protocols.
STRUCTURE = {"PROTO", "FRAME", "MARK", "STOP", "POP", "POP_MARK"}
MEMORY = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
CONTAINERS = {"EMPTY_DICT", "DICT", "EMPTY_LIST", "LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
CALLS = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}
OTHERS = {
    "GET", "BINGET", "LONG_BINGET", "SETITEM", "SETITEMS", "APPEND", "APPENDS",
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
ALLOWED = STRUCTURE | MEMORY | CONTAINERS | CALLS | OTHERS
MOST_INSTRUCTIONS, MOST_CONTAINERS, MOST_CALLS = 2_000_000, 1000, 100  # real files have less than 200,000, 20 and 10


def read_pickle(member: Member) -> dict[str, Any]:
    """Return the dictionary in a pickled file: strings, lists of numbers or strings, and arrays of bytes.

    Args:
        member: pickled by Python 2 or 3.

    Raises:
        UserError: it holds anything else. Nothing of it was executed.
    """
    try:
        content = member.read()
        _check_instructions(content)
        found = _Reader(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(found, dict):
            raise TypeError(f"holds {type(found).__name__}, and not a dictionary")
        return {_text(key): _array(value) for key, value in found.items()}
    except UserError:
        raise
    except Exception as error:  # what unpickling raises is not limited
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{member}: is no file of CIFAR's python version ({reason}); fetch it again") from None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"has {type(value).__name__} where a name belongs")
    return value


def _array(value: object) -> object:
    return value.array if isinstance(value, _Array) else value


def _check_instructions(content: bytes) -> None:
    """Refuse a pickle that has other instructions than those of the files, or too many.

    Raises:
        ValueError: it has.
    """
    containers = calls = 0
    for count, (instruction, argument, _) in enumerate(pickletools.genops(content), start=1):
        name = instruction.name
        containers += name in CONTAINERS
        calls += name in CALLS
        if name not in ALLOWED:
            raise ValueError(f"has the instruction {name}")
        if name in MEMORY and isinstance(argument, int) and not 0 <= argument <= count:
            raise ValueError(f"stores a value in place {argument}")  # memory is reserved up to there
        if count > MOST_INSTRUCTIONS or containers > MOST_CONTAINERS or calls > MOST_CALLS:
            raise ValueError("has more instructions than any such file")


class _Array:
    """Stands in for an array of bytes: it becomes one when its state arrives."""

    array: np.ndarray | None = None

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple(shape), _Type(), _, bytes(content)):
                self.array = _bytes_array(shape, content, is_fortran=bool(state[3]))
            case _:
                raise ValueError("has an array that is not of bytes")


class _Type:
    """Stands in for the type of an array's elements, which can be uint8 alone."""

    def __setstate__(self, state: object) -> None:
        """Ignore the order of bytes and the like, which a single byte does not have."""


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _dtype(name: object = None, *_: object) -> _Type:
    if name not in ("u1", b"u1", "uint8", b"uint8", "|u1", b"|u1"):
        raise ValueError(f"has an array of {name!r}, and not of bytes")
    return _Type()


def _frombuffer(buffer: object, _: object, shape: object, order: object = "C") -> _Array:
    if not isinstance(buffer, (bytes, bytearray)) or not isinstance(shape, tuple):
        raise ValueError("has an array that is not of bytes")
    found = _Array()
    found.array = _bytes_array(shape, bytes(buffer), is_fortran=order == "F")
    return found


def _bytes_array(shape: tuple[Any, ...], content: bytes, is_fortran: bool) -> np.ndarray:
    if not all(isinstance(side, int) and side >= 0 for side in shape) or math.prod(shape) != len(content):
        raise ValueError(f"has an array of shape {shape} in {len(content)} bytes")
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if is_fortran else "C")


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Python 3 writes bytes in the protocols of Python 2 as text that is to be encoded."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("encodes something else than latin1")
    return text.encode("latin1")


def _never_called(*_: object) -> None:
    raise ValueError("makes an array by itself")


class _StandIn:
    """Stands in for a function. A pickle can call it, and cannot change it."""

    def __init__(self, call: Callable[..., object]) -> None:
        self._call = call

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise ValueError("changes a function")


STAND_INS = {
    "_reconstruct": _StandIn(_reconstruct), "ndarray": _StandIn(_never_called), "dtype": _StandIn(_dtype),
    "_frombuffer": _StandIn(_frombuffer), "encode": _StandIn(_encode),
}  # fmt: skip
MODULES = {
    "numpy": ("ndarray", "dtype"),
    "numpy.core.multiarray": ("_reconstruct",), "numpy._core.multiarray": ("_reconstruct",),
    "numpy.core.numeric": ("_frombuffer",), "numpy._core.numeric": ("_frombuffer",),
    "_codecs": ("encode",),
}  # fmt: skip


class _Reader(pickle.Unpickler):
    """Unpickles with stand-ins for the functions that the files name, and knows no others."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as in the base class
        if name not in MODULES.get(module, ()):
            raise ValueError(f"names {module}.{name}, which no file of CIFAR does")
        return STAND_INS[name]
