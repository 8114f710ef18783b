"""The albumentations pipeline, which transforms an image and its mask together."""

import warnings
from inspect import signature
from typing import TYPE_CHECKING

import numpy as np

from darkroom.batches.parameters import PairAugmentation
from darkroom.common.errors import UserError
from darkroom.datasets.pairs import IGNORED

TRIALS = 3  # of each transform, with different draws
LARGE_SIDE = 4096  # pixels: some transforms crop more than the images that are tried first have
PROBE_IDS = (0, 3, 200)  # far apart, so that interpolation between them gives other values

if TYPE_CHECKING:
    from albumentations import Compose


def build_pipeline(augmentation: PairAugmentation, where: str = "augment") -> "Compose":
    """Return the pipeline: the transforms, then a random crop. Mask pixels from outside of the image are ignored.

    Args:
        augmentation: the transforms and the crop.
        where: the key of the augmentation in params.yaml, for messages.

    Raises:
        UserError: albumentations has no such transform, or it refuses the arguments.
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
                    warnings.simplefilter("error", UserWarning)  # albumentations only warns of unknown arguments
                    transforms.append(transform(**(_mask_padding(transform) | arguments)))
            except (ValueError, TypeError, UserWarning) as error:
                raise UserError(f"{key}: {' '.join(str(error).split())}") from None
    crop = ForegroundCrop(augmentation.crop, augmentation.crop, augmentation.foreground)
    return albumentations.Compose([*transforms, crop])


def check_pipeline(augmentation: PairAugmentation, where: str) -> None:
    """Try each transform on noise, and refuse those that training cannot use.

    A transform must take an image and its mask alone and return both as uint8, of one size. The mask must have no class
    id that it did not have before.

    Args:
        augmentation: the transforms and the crop.
        where: the key of the augmentation in params.yaml, for messages.

    Raises:
        UserError: a transform does not fulfil this, or `build_pipeline` refuses it.
    """
    build_pipeline(augmentation, where)
    for number, entry in enumerate(augmentation.transforms):
        for name, arguments in entry.items():
            alone = augmentation.model_copy(update={"transforms": [{name: arguments | {"p": 1.0}}], "foreground": 0.0})
            for seed in range(TRIALS):
                pipeline = build_pipeline(alone, where)
                fault = _find_fault(pipeline, 2 * augmentation.crop + seed, seed)
                fault = fault and _find_fault(pipeline, LARGE_SIDE, seed)
                if fault:
                    raise UserError(f"params.yaml: {where}.transforms[{number}].{name}: {fault}; take it out")


def _find_fault(pipeline: "Compose", side: int, seed: int) -> str | None:
    """Return what is wrong with the output of the first transform, or of the whole pipeline, for noise; or None.

    Args:
        pipeline: a transform and a crop.
        side: of the image, in pixels.
        seed: of the noise and of the transform.
    """
    noise = np.random.default_rng(seed)
    image = noise.integers(0, 256, (side, side + 5, 3), np.uint8)
    mask = noise.choice(np.array(PROBE_IDS, np.uint8), (side, side + 5))
    pipeline.set_random_seed(seed)
    transform = pipeline.transforms[0]
    for function in (transform, pipeline):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # noise may cause warnings that real images do not
                pair = function(image=image.copy(), mask=mask.copy())
        except Exception as error:  # albumentations and the libraries that it calls raise many kinds
            return f"does not take an image and its mask ({' '.join(str(error).split()) or type(error).__name__})"
        for name, dimensions in (("image", 3), ("mask", 2)):
            array = pair.get(name)
            if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
                kind = array.dtype if hasattr(array, "dtype") else type(array).__name__
                return f"returns the {name} as {kind}, not as uint8; the project normalizes images itself"
            if array.ndim != dimensions or (name == "image" and array.shape[2] != 3):
                return f"returns the {name} with the shape {array.shape}"
        if pair["image"].shape[:2] != pair["mask"].shape:
            return f"returns image and mask of different sizes: {pair['image'].shape[:2]} and {pair['mask'].shape}"
        unknown = np.setdiff1d(pair["mask"], [*PROBE_IDS, IGNORED])
        if len(unknown):
            return f"returns a mask with values that are not its class ids, such as {unknown[0]}"
    return None


def _mask_padding(transform: type) -> dict[str, int]:
    """Return the argument by which a transform ignores mask pixels from outside of the image.

    By default albumentations fills them with 0, a class id. Where the default is None, the transform does not fill the
    mask, and nothing is to change.
    """
    parameter = signature(transform).parameters.get("fill_mask")
    return {"fill_mask": IGNORED} if parameter is not None and parameter.default == 0 else {}
