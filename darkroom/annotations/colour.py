"""Masks in colours, one for each class (`annotations.colours`)."""

from collections.abc import Hashable, Mapping

from darkroom.annotations import png, voc
from darkroom.annotations.class_lists import BLACK
from darkroom.annotations.mask_files import mask, stated_size
from darkroom.annotations.pair import BACKGROUND, Pair, Refuse
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.archives.member import Member
from darkroom.common.errors import UserError

__all__ = ["EXIF", "classes", "mask", "pairs", "recognizes", "stated_size"]

EXIF = None


def recognizes(members: Mapping[str, Member]) -> bool:
    return False  # without colours in the parameters, none are known


def pairs(members: Mapping[str, Member], parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
    """As of the format `voc` where there are its folders, else of `png`."""
    return (voc if voc.recognizes(members) else png).pairs(members, parameters, refuse)


def classes(found: list[Pair], members: Mapping[str, Member], parameters: AnnotationParameters) -> dict[Hashable, str]:
    """The background, black where no other colour is given for it, then the classes in their order; by colour."""
    colours = {BACKGROUND: BLACK, **(parameters.colours or {})}
    named: dict[Hashable, str] = {}
    for name, colour in colours.items():
        other = named.setdefault(tuple(colour), name)
        if other != name:
            raise UserError(f"params.yaml: annotations.colours: {name} and {other} have the same colour {list(colour)}")
    return named
