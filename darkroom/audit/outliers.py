"""Images that look unlike all others: by their colours, their contrast and how much fine detail they have.

The features of a trained network are of no use for this: in them, images of another data set lie near the middle.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from darkroom.audit.findings import Finding, Place
from darkroom.audit.thumbnails import Thumbnails

FAR = 2.5  # times the median distance, from which on an image is an outlier
MOST = 0.01  # share of the images that are outliers: the farthest ones, where more are far
FEWEST = 300  # images that the covariance of the features takes
CENTRAL = 0.75  # share of the images that the covariance is of
RIDGE = 0.1  # is added to the variances, so that statistics which hardly vary do not decide
ROUNDS = 5  # of choosing them
BANDS = (1, 2.5, 5, 9, 14, 20, 46)  # frequencies between which the strength of detail is measured
QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)  # of the grey levels
SMALLEST = 1e-2  # is added before a logarithm is taken
IMAGES_AT_ONCE = 2_000
DIGITS = 3


def find_outliers(thumbnails: dict[str, Thumbnails]) -> list[Finding]:
    """Return the images that look unlike all others, the strangest first.

    The score is the Mahalanobis distance in simple statistics of the pixels, in multiples of the median one. Mean and
    covariance are those of the central three quarters of the images, chosen as Rousseeuw and Van Driessen improve a
    choice in "A fast algorithm for the minimum covariance determinant estimator" (1999). At most one image in a hundred
    is an outlier, and sets of less than 300 images have none.

    Args:
        thumbnails: by split.
    """
    places = [Place(split, index) for split, one in thumbnails.items() for index in range(len(one.digests))]
    if len(places) < FEWEST:
        return []
    pixels = [one.pixels[start : start + IMAGES_AT_ONCE] for one in thumbnails.values()
              for start in range(0, len(one.pixels), IMAGES_AT_ONCE)]  # fmt: skip
    distances = _distances(np.concatenate([image_statistics(part) for part in pixels]))
    scores = np.round(distances / max(np.median(distances), SMALLEST), DIGITS)
    found = [Finding("outlier", places[n], float(scores[n])) for n in np.flatnonzero(scores >= FAR)]
    found.sort(key=lambda finding: (-finding.score, finding.place.split, finding.place.index))
    return found[: int(MOST * len(places))]


def image_statistics(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return statistics of images: of their colours, contrast, detail and grey levels.

    Args:
        pixels: uint8 (n, 32, 32, 3).

    Returns:
        float64 (n, 19).
    """
    shares = pixels.astype(np.float64) / 255
    grey, saturation = shares.mean(3), shares.max(3) - shares.min(3)
    strengths = np.abs(dctn(grey, axes=(1, 2), norm="ortho"))
    frequency = np.hypot(*np.mgrid[: grey.shape[1], : grey.shape[2]])
    in_bands = [(frequency >= low) & (frequency < high) for low, high in pairwise(BANDS)]
    return np.column_stack(
        [
            shares.mean((1, 2)),
            np.log(shares.std((1, 2)) + SMALLEST),
            np.log(saturation.mean((1, 2)) + SMALLEST),
            np.log(saturation.std((1, 2)) + SMALLEST),
            *(np.log(np.sqrt((strengths[:, band] ** 2).mean(1)) + SMALLEST) for band in in_bands),
            np.quantile(grey.reshape(len(grey), -1), QUANTILES, axis=1).T,
        ]
    )


def _distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Mahalanobis distance of each row from the central rows, float64 (n,)."""
    scale = values.std(0)
    values = (values - values.mean(0)) / np.where(scale > 0, scale, 1)
    central = np.ones(len(values), bool)
    for _ in range(ROUNDS):
        mean = values[central].mean(0)
        inverse = np.linalg.inv(np.cov(values[central], rowvar=False) + RIDGE * np.eye(values.shape[1]))
        centred = values - mean
        distances: NDArray[np.float64] = np.sqrt(np.maximum(0, np.einsum("ni,ij,nj->n", centred, inverse, centred)))
        central = distances <= np.quantile(distances, CENTRAL)
    return distances
