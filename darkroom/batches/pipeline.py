"""The albumentations pipeline that an image and its mask go through together."""

import warnings
from inspect import signature
from typing import TYPE_CHECKING

from darkroom.batches.parameters import PairAugmentation
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

if TYPE_CHECKING:
    from albumentations import Compose


def build_pipeline(augmentation: PairAugmentation, where: str = "augment") -> "Compose":
    """The transforms, then a random crop; what lies outside of the image is ignored in the mask.

    Args:
        where: the key that the augmentation stands under in params.yaml, for messages.

    Raises:
        UserError: a transform that albumentations does not have, or arguments that it does not take.
    """
    import albumentations  # here, since it takes seconds and few stages need it

    from darkroom.batches.foreground_crop import ForegroundCrop

    transforms = []
    for number, entry in enumerate(augmentation.transforms):
        for name, arguments in entry.items():
            key = f"params.yaml: {where}.transforms[{number}].{name}"
            transform = getattr(albumentations, name, None)
            if not (isinstance(transform, type) and issubclass(transform, albumentations.BasicTransform)):
                raise UserError(f"{key}: albumentations has no such transform")
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error", UserWarning)  # it warns of arguments that it does not take
                    transforms.append(transform(**(_beyond_the_border(transform) | arguments)))
            except (ValueError, TypeError, UserWarning) as error:
                raise UserError(f"{key}: {' '.join(str(error).split())}") from None
    crop = ForegroundCrop(augmentation.crop, augmentation.crop, augmentation.foreground)
    return albumentations.Compose([*transforms, crop])


def _beyond_the_border(transform: type) -> dict[str, int]:
    """What makes a transform that moves pixels ignore those that come from outside of the mask.

    albumentations takes them for class 0. Transforms that leave the mask as it is where they hide pixels have None.
    """
    parameter = signature(transform).parameters.get("fill_mask")
    return {"fill_mask": IGNORED} if parameter is not None and parameter.default == 0 else {}
