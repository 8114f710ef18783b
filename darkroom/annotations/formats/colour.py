"""Folders as of `png` or `voc`, with RGB masks: `colours` in params.yaml names the colour of each class.

The background is black where `colours` has no other colour for it, as in `{road: [128, 64, 128], sky: [70, 130, 180]}`.
"""

from collections.abc import Hashable
from typing import ClassVar

from darkroom.annotations.class_lists import BLACK
from darkroom.annotations.formats._base import Members, Refuse
from darkroom.annotations.formats.png import Png
from darkroom.annotations.formats.voc import Voc
from darkroom.annotations.mask_files import MaskFileFormat
from darkroom.annotations.pair import BACKGROUND, Pair
from darkroom.annotations.parameters import AnnotationParameters
from darkroom.common.errors import UserError


class Colours(MaskFileFormat):
    """Folders of masks in colours."""

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"colours"})

    def check_parameters(self, parameters: AnnotationParameters) -> None:
        """Check that colours are given.

        Raises:
            ValueError: they are not.
        """
        super().check_parameters(parameters)
        if parameters.colours is None:
            raise ValueError("format = colour: colours is null; give each class its colour")

    def recognizes(self, members: Members, parameters: AnnotationParameters) -> bool:
        """Return whether the parameters have colours."""
        return parameters.colours is not None

    def find_pairs(self, members: Members, parameters: AnnotationParameters, refuse: Refuse) -> list[Pair]:
        """Return the pairs of the format `voc` where its folders exist, else those of `png`."""
        layout = Voc() if Voc().recognizes(members, parameters) else Png()
        return layout.find_pairs(members, parameters, refuse)

    def name_classes(
        self, pairs: list[Pair], members: Members, parameters: AnnotationParameters
    ) -> dict[Hashable, str]:
        """Return the names of `annotations.colours` by their colours, the background first."""
        colours = {BACKGROUND: BLACK, **(parameters.colours or {})}
        names: dict[Hashable, str] = {}
        for name, colour in colours.items():
            other = names.setdefault(tuple(colour), name)
            if other != name:
                raise UserError(
                    f"params.yaml: annotations.colours: {name} and {other} have the same colour {list(colour)}"
                )
        return names
