"""Decoding of images other than 8-bit RGB, and of files that cannot be decoded."""

import io

import numpy as np
import pytest
from conftest import jpeg_bytes, noise, png_bytes
from PIL import Image, TiffImagePlugin

from darkroom.common.errors import UserError
from darkroom.datasets.decode import decode_bytes

DEEP = np.array([[0, 1000, 32_768, 65_535], [128, 129, 257, 385]], np.uint16)
GREY = np.array([[0, 4, 128, 255], [0, 1, 1, 1]], np.uint8)  # DEEP / 257, rounded


def encode(array: np.ndarray, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, image_format, **options)
    return buffer.getvalue()


def set_tag(content: bytes, tag: int, value: int) -> bytes:
    """Replace the value of a tag that holds one short number, in a little-endian TIFF file."""
    at = content.index(np.array([tag, 3, 1, 0], "<u2").tobytes())
    return content[: at + 8] + value.to_bytes(2, "little") + content[at + 10 :]


@pytest.mark.parametrize("orientation", [None, 3, 6], ids=["upright", "upside down", "on its side"])
@pytest.mark.parametrize(("image_format", "order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">"), ("PPM", "<")])
def test_16_bit_grey_keeps_its_levels(image_format: str, order: str, orientation: int | None) -> None:
    if image_format == "PPM" and orientation:
        pytest.skip("PPM has no EXIF")
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    image = decode_bytes(encode(DEEP.astype(f"{order}u2"), image_format, exif=exif), "a")
    assert image.mode == "RGB"
    expected = {None: GREY, 3: np.rot90(GREY, 2), 6: np.rot90(GREY, -1)}[orientation]
    assert (np.asarray(image) == expected[..., None]).all()


def test_inverted_grey_and_12_bit_grey_are_decoded() -> None:
    tiff = encode(DEEP, "TIFF")
    negative = set_tag(tiff, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
    assert (np.asarray(decode_bytes(negative, "a"))[..., 0] == 255 - GREY).all()
    twelve = b"\xff\xf0\x00" * 4 + bytes(4)  # pairs of the levels 4,095 and 0
    content = tiff.replace(DEEP.tobytes(), twelve)
    levels = np.asarray(decode_bytes(set_tag(content, TiffImagePlugin.BITSPERSAMPLE, 12), "a"))[0, :, 0]
    assert levels.tolist() == [255, 0, 255, 0]
    pgm = b"P5 4 1 4095\n" + np.array([0, 1365, 2730, 4095], ">u2").tobytes()
    assert np.asarray(decode_bytes(pgm, "a"))[0, :, 0].tolist() == [0, 85, 170, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_without_a_known_range_are_refused(kind: type) -> None:
    values = DEEP.astype(kind) - 1000
    with pytest.raises(UserError, match=r"a.tif: has values from -1000 to 64535, .* save it as 8-bit or 16-bit grey"):
        decode_bytes(encode(values, "TIFF"), "a.tif")
    values = np.array([[0.25, np.nan]], np.float32)
    with pytest.raises(UserError, match="from 0.25 to 0.25"):
        decode_bytes(encode(values, "TIFF"), "a.tif")


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_1_bit_images_and_16_bit_colours_are_decoded(image_format: str) -> None:
    bits = np.array([[True, False, False, True]])
    assert np.asarray(decode_bytes(encode(bits, image_format), "a"))[0, :, 1].tolist() == [255, 0, 0, 255]
    cv2 = pytest.importorskip("cv2")
    content = cv2.imencode(f".{image_format.lower()}", np.dstack([DEEP, DEEP, DEEP]))[1].tobytes()
    assert (np.asarray(decode_bytes(content, "a")) == (DEEP >> 8)[..., None]).all(), "the higher of two bytes"


@pytest.mark.parametrize(
    "content",
    [
        b"no image",
        b"",
        png_bytes(noise(9, 9))[:60],
        jpeg_bytes(noise(9, 9))[:100],
        b"\xff\xd8\xff",
        b"II*\0" + bytes(9),
    ],
    ids=["text", "empty", "cut png", "cut jpeg", "start of a jpeg", "tiff"],
)
def test_error_messages_hold_no_memory_addresses(content: bytes) -> None:
    with pytest.raises(UserError, match="a.png: does not decode as an image") as caught:
        decode_bytes(content, "a.png")
    assert "object at" not in str(caught.value) and "()" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd tags
def test_damaged_images_never_end_in_a_traceback() -> None:
    draw = np.random.default_rng(0)
    intact = [encode(noise(20, 24), name) for name in ("PNG", "TIFF", "BMP", "JPEG", "WEBP")] + [encode(DEEP, "TIFF")]
    refused = 0
    for number in range(600):
        content = bytearray(intact[number % len(intact)])
        for _ in range(draw.integers(1, 4)):
            content[draw.integers(min(len(content), draw.choice([60, 400, 10_000])))] = draw.choice([0, 1, 2, 128, 255])
        try:
            decode_bytes(bytes(content), "a")
        except UserError as error:
            refused += 1
            assert "object at" not in str(error)
    assert refused > 100
