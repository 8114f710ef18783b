"""Single-channel masks of class ids, `masks/NAME.png`, with a report and a page to check them by eye; 255 is ignored.

With object ids, `objects/NAME.png` has them in 16 bits.
"""

from pathlib import Path

from darkroom.annotations.writers._base import DrawnImage, Writer, Written
from darkroom.datasets.pairs import write_mask


class Png(Writer):
    """Masks of class ids. The images are there for the page alone."""

    def image_folder(self, split: str | None) -> Path:
        """Return the folder of a split's images."""
        return self.root / "images" / (split or "")

    def write(self, image: DrawnImage) -> Written:
        """Write the mask, and the object ids where they were drawn."""
        for folder, values in (("masks", image.mask), ("objects", image.objects)):
            if values is not None:
                path = self.root / folder / (image.split or "") / f"{image.name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_mask(path, values)
        return Written(image.name, image.split, image.image.name, image.size)
