"""A random crop that favours foreground classes."""

from typing import Any

import albumentations
import numpy as np

from darkroom.datasets.pairs import IGNORED


class ForegroundCrop(albumentations.RandomCrop):  # type: ignore[misc]  # albumentations has no types
    """A random crop. Smaller images are padded, and the padding of the mask is ignored.

    A foreground crop is centred on a pixel of a class other than the background, or as near to it as the image's
    border allows. All classes of the mask are equally likely, and so are all pixels of a class. Other crops are
    uniformly random.

    Args:
        height: of the crop, in pixels.
        width: of the crop, in pixels.
        foreground: fraction of the crops that are foreground crops, from 0 to 1.
        p: probability of cropping.
    """

    class InitSchema(albumentations.BasicTransform.InitSchema):  # type: ignore[misc]  # albumentations has no types
        """Types of the arguments, which albumentations checks."""

        height: int
        width: int
        foreground: float

    def __init__(self, height: int, width: int, foreground: float, p: float = 1.0) -> None:
        super().__init__(height, width, pad_if_needed=True, fill_mask=IGNORED, p=p)
        self.foreground = foreground

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return where to crop: x and y of two corners in the padded image. Albumentations calls this method."""
        random_crop: dict[str, Any] = super().get_params_dependent_on_data(params, data)
        if not self.foreground or self.py_random.random() >= self.foreground:
            return random_crop
        values = np.setdiff1d(np.unique(data["mask"]), [0, IGNORED])
        if not len(values):
            return random_crop
        ys, xs = np.nonzero(data["mask"] == self.py_random.choice(values.tolist()))
        chosen = self.py_random.randrange(len(ys))
        pads = random_crop["pad_params"] or dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0)
        height = params["shape"][0] + pads["pad_top"] + pads["pad_bottom"]
        width = params["shape"][1] + pads["pad_left"] + pads["pad_right"]
        top = min(max(0, int(ys[chosen]) + pads["pad_top"] - self.height // 2), height - self.height)
        left = min(max(0, int(xs[chosen]) + pads["pad_left"] - self.width // 2), width - self.width)
        return random_crop | {"crop_coords": (left, top, left + self.width, top + self.height)}
