"""Image files of other kinds than RGB with 8 bits, and files that do not decode."""

import io

import numpy as np
import pytest
from conftest import jpeg_bytes, noise, png_bytes
from PIL import Image, TiffImagePlugin

from darkroom.common.errors import UserError
from darkroom.datasets.decode import decode_bytes

DEEP = np.array([[0, 1000, 32_768, 65_535], [128, 129, 257, 385]], np.uint16)
GREY = np.array([[0, 4, 128, 255], [0, 1, 1, 1]], np.uint8)  # DEEP / 257, rounded


def encoded(array: np.ndarray, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form, **options)
    return buffer.getvalue()


def with_tag(content: bytes, tag: int, value: int) -> bytes:
    """A TIFF file, of little-endian numbers, with another value of a tag that holds one short number."""
    at = content.index(np.array([tag, 3, 1, 0], "<u2").tobytes())
    return content[: at + 8] + value.to_bytes(2, "little") + content[at + 10 :]


@pytest.mark.parametrize("turned", [None, 3, 6], ids=["upright", "upside down", "on its side"])
@pytest.mark.parametrize(("form", "order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">"), ("PPM", "<")])
def test_grey_of_16_bits_keeps_its_levels(form: str, order: str, turned: int | None) -> None:
    if form == "PPM" and turned:
        pytest.skip("holds no EXIF")
    exif = Image.Exif()
    if turned:
        exif[0x0112] = turned
    image = decode_bytes(encoded(DEEP.astype(f"{order}u2"), form, exif=exif), "a")
    assert image.mode == "RGB"
    expected = {None: GREY, 3: np.rot90(GREY, 2), 6: np.rot90(GREY, -1)}[turned]
    assert (np.asarray(image) == expected[..., None]).all()


def test_grey_whose_white_is_0_and_grey_of_12_bits() -> None:
    tiff = encoded(DEEP, "TIFF")
    negative = with_tag(tiff, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)
    assert (np.asarray(decode_bytes(negative, "a"))[..., 0] == 255 - GREY).all()
    twelve = b"\xff\xf0\x00" * 4 + bytes(4)  # each time 4,095 and 0
    content = tiff.replace(DEEP.tobytes(), twelve)
    levels = np.asarray(decode_bytes(with_tag(content, TiffImagePlugin.BITSPERSAMPLE, 12), "a"))[0, :, 0]
    assert levels.tolist() == [255, 0, 255, 0]
    pgm = b"P5 4 1 4095\n" + np.array([0, 1365, 2730, 4095], ">u2").tobytes()
    assert np.asarray(decode_bytes(pgm, "a"))[0, :, 0].tolist() == [0, 85, 170, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_without_a_white_are_refused(kind: type) -> None:
    values = DEEP.astype(kind) - 1000
    with pytest.raises(UserError, match=r"a.tif: has values from -1000 to 64535, .* save it as 8-bit or 16-bit grey"):
        decode_bytes(encoded(values, "TIFF"), "a.tif")
    values = np.array([[0.25, np.nan]], np.float32)
    with pytest.raises(UserError, match="from 0.25 to 0.25"):
        decode_bytes(encoded(values, "TIFF"), "a.tif")


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_images_of_1_bit_and_colours_of_16(form: str) -> None:
    bits = np.array([[True, False, False, True]])
    assert np.asarray(decode_bytes(encoded(bits, form), "a"))[0, :, 1].tolist() == [255, 0, 0, 255]
    cv2 = pytest.importorskip("cv2")
    content = cv2.imencode(f".{form.lower()}", np.dstack([DEEP, DEEP, DEEP]))[1].tobytes()
    assert (np.asarray(decode_bytes(content, "a")) == (DEEP >> 8)[..., None]).all(), "the upper of its two bytes"


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
def test_messages_hold_nothing_of_this_process(content: bytes) -> None:
    with pytest.raises(UserError, match="a.png: does not decode as an image") as caught:
        decode_bytes(content, "a.png")
    assert "object at" not in str(caught.value) and "()" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # what Pillow makes of odd tags
def test_damaged_images_never_end_in_a_traceback() -> None:
    draw = np.random.default_rng(0)
    sound = [encoded(noise(20, 24), form) for form in ("PNG", "TIFF", "BMP", "JPEG", "WEBP")] + [encoded(DEEP, "TIFF")]
    refused = 0
    for number in range(600):
        content = bytearray(sound[number % len(sound)])
        for _ in range(draw.integers(1, 4)):
            content[draw.integers(min(len(content), draw.choice([60, 400, 10_000])))] = draw.choice([0, 1, 2, 128, 255])
        try:
            decode_bytes(bytes(content), "a")
        except UserError as error:
            refused += 1
            assert "object at" not in str(error)
    assert refused > 100
