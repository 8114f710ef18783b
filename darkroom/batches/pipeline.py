"""The albumentations pipeline that an image and its mask go through together."""

import warnings
from inspect import signature
from typing import TYPE_CHECKING

import numpy as np

from darkroom.batches.parameters import PairAugmentation
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

DRAWS = 3  # that each transform is tried with
LARGE_SIDE = 4096  # pixels, for what crops more than the images that are tried first have
PROBE_IDS = (0, 3, 200)  # far from each other, so that what is interpolated between them shows

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


def check_pipeline(augmentation: PairAugmentation, where: str) -> None:
    """Refuse transforms after which an image is trained on that no image looks like in the evaluation, by trying each.

    Images and masks must come out as they go in: arrays of uint8, of one size, the mask's values class ids that it had.

    Args:
        where: the key that the augmentation stands under in params.yaml, for messages.

    Raises:
        UserError: the first transform that gives something else, or that needs more than an image and its mask; and
            what `build_pipeline` raises.
    """
    build_pipeline(augmentation, where)
    for number, entry in enumerate(augmentation.transforms):
        for name, arguments in entry.items():
            alone = augmentation.model_copy(update={"transforms": [{name: arguments | {"p": 1.0}}], "foreground": 0.0})
            for draw in range(DRAWS):
                tried = build_pipeline(alone, where)
                wrong = _what_comes_out_wrong(tried, 2 * augmentation.crop + draw, draw)
                wrong = wrong and _what_comes_out_wrong(tried, LARGE_SIDE, draw)
                if wrong:
                    raise UserError(f"params.yaml: {where}.transforms[{number}].{name}: {wrong}; take it out")


def _what_comes_out_wrong(pipeline: "Compose", side: int, draw: int) -> str | None:
    """What is wrong with what the first transform of `pipeline` makes of a noisy square, and the rest of that."""
    noise = np.random.default_rng(draw)
    image = noise.integers(0, 256, (side, side + 5, 3), np.uint8)
    mask = noise.choice(np.array(PROBE_IDS, np.uint8), (side, side + 5))
    pipeline.set_random_seed(draw)
    transform = pipeline.transforms[0]
    for what_is_called in (transform, pipeline):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of noise that a real image is not
                pair = what_is_called(image=image.copy(), mask=mask.copy())
        except Exception as error:  # whatever albumentations and what it calls raise
            return f"does not take an image and its mask ({' '.join(str(error).split()) or type(error).__name__})"
        for what, dimensions in (("image", 3), ("mask", 2)):
            given = pair.get(what)
            if not isinstance(given, np.ndarray) or given.dtype != np.uint8:
                kind = given.dtype if hasattr(given, "dtype") else type(given).__name__
                return f"gives the {what} as {kind} and not as uint8, which the project normalizes itself"
            if given.ndim != dimensions or (what == "image" and given.shape[2] != 3):
                return f"gives the {what} the shape {given.shape}"
        if pair["image"].shape[:2] != pair["mask"].shape:
            return f"gives the image another size than the mask: {pair['image'].shape[:2]} and {pair['mask'].shape}"
        strange = np.setdiff1d(pair["mask"], [*PROBE_IDS, IGNORED])
        if len(strange):
            return f"puts values into the mask that are no class of it, such as {strange[0]}"
    return None


def _beyond_the_border(transform: type) -> dict[str, int]:
    """What makes a transform that moves pixels ignore those that come from outside of the mask.

    albumentations takes them for class 0. Transforms that leave the mask as it is where they hide pixels have None.
    """
    parameter = signature(transform).parameters.get("fill_mask")
    return {"fill_mask": IGNORED} if parameter is not None and parameter.default == 0 else {}
