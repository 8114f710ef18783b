"""A random crop that looks for what is rare."""

from typing import Any

import albumentations
import numpy as np

from darkroom.datasets.pairs import IGNORED


class ForegroundCrop(albumentations.RandomCrop):
    """A crop of `height` × `width` pixels, padded where the image is smaller.

    A share `foreground` of the crops is centred on a pixel of a class that is not the background, as near as the
    image's border lets it; all classes of the mask are equally likely, and so are a class's pixels. The rest lies
    anywhere.
    """

    class InitSchema(albumentations.BasicTransform.InitSchema):
        height: int
        width: int
        foreground: float

    def __init__(self, height: int, width: int, foreground: float, p: float = 1.0) -> None:
        super().__init__(height, width, pad_if_needed=True, fill_mask=IGNORED, p=p)
        self.foreground = foreground

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """albumentations' hook: where to crop, as x and y of two corners in the padded image."""
        anywhere = super().get_params_dependent_on_data(params, data)
        if not self.foreground or self.py_random.random() >= self.foreground:
            return anywhere
        values = np.setdiff1d(np.unique(data["mask"]), [0, IGNORED])
        if not len(values):
            return anywhere
        ys, xs = np.nonzero(data["mask"] == self.py_random.choice(values.tolist()))
        chosen = self.py_random.randrange(len(ys))
        pads = anywhere["pad_params"] or dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0)
        height = params["shape"][0] + pads["pad_top"] + pads["pad_bottom"]
        width = params["shape"][1] + pads["pad_left"] + pads["pad_right"]
        top = min(max(0, int(ys[chosen]) + pads["pad_top"] - self.height // 2), height - self.height)
        left = min(max(0, int(xs[chosen]) + pads["pad_left"] - self.width // 2), width - self.width)
        return anywhere | {"crop_coords": (left, top, left + self.width, top + self.height)}
