"""The page by which masks are checked by eye, what it finds suspicious, and images that are left out by name."""

import base64
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import AXE, CHROMIUM, Browser
from conftest import jpeg_bytes, labelme, png_bytes, scene_files, shape, stage, write_zip
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darkroom.annotations import findings as finding_rules
from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.draw import DrawnMask
from darkroom.annotations.findings import WEIGHTS, Finding, choose_pairs, find_alike, find_findings, score_pairs
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.annotations.signs import LOOK, SAMPLE, Signs, look_of, sample_of
from darkroom.commands.masks import convert_masks
from darkroom.common.errors import UserError
from darkroom.common.files import read_json
from darkroom.common.named import names_in
from darkroom.figures import check_page
from darkroom.figures.check_page import write_check_page_of
from darkroom.figures.languages import texts_of
from darkroom.figures.thumbnails import LARGEST, SMALLEST, shrink_mask, side_for

WIDTH, HEIGHT = 200, 150
LANGUAGES = names_in("darkroom.figures.languages")
in_browser = pytest.mark.skipif(CHROMIUM is None or AXE is None or os.name != "posix", reason="needs Chromium")


def photo(seed: int) -> Image.Image:
    """A smooth picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    return Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def box(label: str, left: float, top: float, right: float, bottom: float) -> dict:
    return shape(label, [[left, top], [right, bottom]], "rectangle")


def planted(name: str, picture: Image.Image, *shapes: dict, quality: int = 95) -> dict[str, bytes | str]:
    content = jpeg_bytes(np.asarray(picture), quality=quality)
    return {f"{name}.jpg": content, f"{name}.json": labelme(f"{name}.jpg", list(shapes), WIDTH, HEIGHT)}


CAT = box("cat", 60, 50, 120, 100)


def planted_faults() -> dict[str, bytes | str]:
    """A dozen good pairs, and one of each fault, which is named like the finding."""
    files: dict[str, bytes | str] = {}
    for number in range(12):
        files |= planted(f"good{number}", photo(number), CAT, box("dog", 20, 20, 50, 45))
    files |= planted("outside", photo(100), box("cat", 150, 50, 230, 100), box("dog", 20, 20, 50, 45))
    files |= planted("unseen", photo(101), CAT, box("dog", 300, 20, 350, 45))
    files |= planted("empty", photo(102))
    files |= planted("full", photo(103), box("dog", 0, 0, WIDTH, HEIGHT))
    files |= planted("once", photo(104), CAT, box("dgo", 20, 20, 50, 45))
    files |= planted("tiny", photo(105), CAT, box("dog", 20, 20, 21, 21))
    files |= planted("alike", photo(3), box("dog", 130, 90, 180, 140), quality=40)
    files |= planted("border", photo(106), box("cat", 0, 50, 60, 100))
    files |= planted("left_out", photo(107), CAT, shape("cat", [[1, 1]]))
    turned = Image.Exif()
    turned[0x0112] = 6
    content = jpeg_bytes(np.asarray(photo(108).rotate(90, expand=True)), quality=95, exif=turned)
    return files | {"turned.jpg": content, "turned.json": labelme("turned.jpg", [CAT], WIDTH, HEIGHT)}


def write_files(files: dict[str, bytes | str], folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The planted faults converted, with the page in each language, in a folder whose name is Chinese."""
    folder = tmp_path_factory.mktemp("check") / "检查 page"
    source = write_files(planted_faults(), folder / "own")
    for language in LANGUAGES:
        convert_masks(source, folder / language, {"skip_bad": True}, language=language)
    return {language: folder / language for language in LANGUAGES}


def kinds_by_name(report: dict) -> dict[str, set[str]]:
    return {pair["name"]: {finding["kind"] for finding in pair["findings"]} for pair in report["check"]}


def test_each_planted_fault_is_found(converted: dict[str, Path]) -> None:
    report = read_json(converted["en"] / "report.json")
    kinds = kinds_by_name(report)
    assert len(kinds) == 22
    for kind in WEIGHTS:
        assert kind in kinds[kind], kind
        assert kind in report["findings"] and kind in report["findings"][kind]["names"]
    good = {name for name in kinds if name.startswith("good")}
    assert {name for name in good if kinds[name]} == {"good3"} and kinds["good3"] == {"alike"}
    assert set(list(kinds)[:11]) == set(WEIGHTS) | {"good3"}, "the planted ones come first"
    assert report["findings"]["alike"] == {"pairs": 2, "names": ["alike", "good3"]}
    details = {pair["name"]: {one["kind"]: one for one in pair["findings"]} for pair in report["check"]}
    assert details["once"]["once"]["about"] == ["dgo"]
    assert details["alike"]["alike"]["about"] == ["good3"] and details["good3"]["alike"]["about"] == ["alike"]
    assert details["outside"]["outside"]["value"] == 1 and details["unseen"]["unseen"]["value"] == 1
    assert details["full"]["full"] == {"kind": "full", "value": 1.0, "about": ["dog"]}
    assert "a polygon has 1 points" in details["left_out"]["left_out"]["about"][0]


def test_a_finding_that_all_have_says_little() -> None:
    found = [[Finding("border", 3)] for _ in range(50)]
    found[20] = [Finding("tiny", 2, (), 0.5)]
    assert choose_pairs(found)[0] == 20
    assert score_pairs([]) == [] and choose_pairs([]) == [] and find_findings([], ["background"]) == []


def test_of_many_pairs_the_most_suspicious_are_chosen_then_an_even_sample() -> None:
    """Of each kind there are some, however many pairs have another kind."""
    found: list[list[Finding]] = [[] for _ in range(6000)]
    for index in range(0, 3000, 3):
        found[index] = [Finding("left_out", 9, (), 0.9)]
    found[4000] = [Finding("border", 1, (), 0.5)]
    chosen = choose_pairs(found)
    assert len(chosen) == len(set(chosen)) == finding_rules.SHOWN
    assert all(found[index] for index in chosen[:200]) and 4000 in chosen[:200]
    rest = chosen[200:]
    assert rest == sorted(rest) and rest[0] < 100 and rest[-1] > 5900
    assert max(np.diff(rest)) < 2 * min(np.diff(rest)) + 2, "an even sample"


@pytest.mark.parametrize("quality", [30, 75])
@pytest.mark.parametrize("scale", [0.5, 1, 1.7])
def test_copies_look_alike_and_others_do_not(quality: int, scale: float) -> None:
    looks = [look_of(photo(seed)) for seed in range(40)]
    size = round(WIDTH * scale), round(HEIGHT * scale)
    copied = Image.open(io.BytesIO(jpeg_bytes(np.asarray(photo(7).resize(size)), quality=quality)))
    masks = [sample_of(np.full((HEIGHT, WIDTH), 1, np.uint8))] * 40
    other = sample_of(np.full(size[::-1], 2, np.uint8))
    assert find_alike([*looks, look_of(copied)], [*masks, other]) == {7: (40, 1.0), 40: (7, 1.0)}
    assert find_alike([*looks, look_of(copied)], [*masks, masks[0]]) == {}, "the masks are the same"
    ignored = sample_of(np.full(size[::-1], 255, np.uint8))
    assert find_alike([*looks, look_of(copied)], [*masks, ignored]) == {}, "nothing to compare"


def test_images_of_one_colour_are_not_alike() -> None:
    assert look_of(Image.new("RGB", (50, 40), (9, 9, 9))) == b""
    assert find_alike([b"", b""], [bytes(SAMPLE * SAMPLE), bytes([1]) * SAMPLE * SAMPLE]) == {}


def test_many_images_of_one_camera_take_no_time_of_their_square() -> None:
    looks = [look_of(photo(1))] * 5000
    masks = [bytes([1 + number % 2]) * SAMPLE * SAMPLE for number in range(5000)]
    assert len(find_alike(looks, masks)) == 5000


@given(st.lists(st.tuples(st.binary(min_size=LOOK**2, max_size=LOOK**2), st.integers(0, 255)), max_size=6))
def test_alike_is_mutual_in_differing(pairs: list[tuple[bytes, int]]) -> None:
    found = find_alike([look for look, _ in pairs], [bytes([value]) * SAMPLE**2 for _, value in pairs])
    for here, (there, difference) in found.items():
        assert here != there and there in found and difference == 1 and pairs[here][1] != pairs[there][1]


@pytest.mark.parametrize("shape_of", [(1, 1), (1, 40), (7, 3), (33, 31), (500, 20)])
def test_samples_of_any_size(shape_of: tuple[int, int]) -> None:
    assert len(sample_of(np.ones(shape_of, np.uint8))) == SAMPLE**2
    grey = Image.fromarray(np.resize(np.arange(256, dtype=np.uint8), shape_of))
    assert len(look_of(grey.convert("RGB"))) in (0, LOOK**2)


def test_findings_of_masks_without_a_known_pixel() -> None:
    ignored = np.zeros(256, np.int64)
    ignored[255] = 100
    [found] = find_findings([DrawnMask("a", ignored)], ["background", "cat"])
    assert [one.kind for one in found] == ["empty"]
    signs = Signs(unseen=2, touching=1, is_turned=True)
    [found] = find_findings([replace(DrawnMask("a", ignored, {1: [1, 500]}), signs=signs)], ["background", "cat"])
    assert [(one.kind, one.value) for one in found] == [
        ("unseen", 2), ("empty", 1), ("tiny", 1), ("turned", 1), ("border", 1),
    ]  # fmt: skip


# The page as a file.


def images_in(page: str, kind: str) -> list[Image.Image]:
    found = re.findall(rf"data:image/{kind};base64,([^\"]+)", page)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_needs_nothing_else(converted: dict[str, Path], language: str) -> None:
    page = (converted[language] / "check.html").read_text(encoding="utf-8")
    assert "http:" not in page and "https:" not in page and "built-in" not in page
    photos, masks = images_in(page, "webp"), images_in(page, "png")
    assert len(photos) == len(masks) == 22
    assert all(one.size == other.size for one, other in zip(photos, masks, strict=True))
    assert {max(one.size) for one in photos} == {WIDTH}, "small images are not enlarged"
    assert f'<html lang="{texts_of(language).lang}">' in page
    for label, meaning in texts_of(language).findings.values():
        assert label in page and meaning in page
    assert len({path.name for path in converted[language].iterdir()} ^ {"masks", "report.json", "check.html"}) == 0


def test_masks_of_the_page_have_the_pixels_of_the_masks(converted: dict[str, Path]) -> None:
    page = (converted["en"] / "check.html").read_text(encoding="utf-8")
    names = [pair["name"] for pair in read_json(converted["en"] / "report.json")["check"]]
    for name, thumbnail in zip(names, images_in(page, "png"), strict=True):
        mask = np.asarray(Image.open(converted["en"] / "masks" / f"{name}.png"))
        seen = np.asarray(thumbnail.convert("RGBA"))
        assert ((seen[..., 3] > 0) == (mask > 0)).all(), name
        colours = {tuple(seen[mask == value][0, :3].tolist()) for value in np.unique(mask) if value}
        assert len(colours) == len(np.unique(mask[mask > 0])), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_texts_of_the_page(language: str) -> None:
    own, english = texts_of(language), texts_of("en")
    assert list(own.findings) == list(english.findings) == list(WEIGHTS)
    assert {key: text.count("{}") for key, text in own.check.items()} == {
        key: text.count("{}") for key, text in english.check.items()
    }


def test_a_small_object_does_not_vanish() -> None:
    mask = np.zeros((3000, 4000), np.uint8)
    mask[1501:1504, 2001:2004], mask[:, 3000:] = 3, 255
    small = shrink_mask(mask, (256, 192))
    assert small.shape == (192, 256) and 1 <= (small == 3).sum() <= 9
    assert set(np.unique(small)) == {0, 3, 255}
    assert (shrink_mask(mask, (4000, 3000)) == mask).all()
    assert side_for(1) == LARGEST and side_for(10**6) == SMALLEST and SMALLEST <= side_for(300) <= 300


def test_a_page_does_not_grow_beyond_its_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_page, "MOST_BYTES", 20_000)
    convert_masks(write_files(planted_faults(), folder / "own"), folder / "out", {"skip_bad": True})
    page = (folder / "out/check.html").read_text(encoding="utf-8")
    shown = len(images_in(page, "webp"))
    assert 1 < shown < 22 and f"{shown} of 22 images" in page
    assert len(page) < 20_000 + 50_000


def test_names_are_escaped(folder: Path) -> None:
    """A class that is called like a tag stays a name."""
    evil = "</script><script>alert(1)</script>\"'&"
    files = planted("a b", photo(1), box(evil, 20, 20, 60, 60)) | planted("<i>&amp;'", photo(2), CAT)
    convert_masks(write_files(files, folder / "own"), folder / "out", {})
    page = (folder / "out/check.html").read_text(encoding="utf-8")
    assert evil not in page and page.count("<script") == 2 and "<i>&amp;'" not in page
    assert "&lt;/script&gt;" in page


def test_page_of_a_prepared_data_set(folder: Path) -> None:
    """The stage `plot` writes it from the report."""
    files = {f"{split}/{name}": content for split in ("train", "val") for name, content in planted_faults().items()}
    for name in list(files):  # a photo must not be in two splits
        if name.startswith("val/good"):
            del files[name]
    write_zip(folder / "raw/own.zip", files)
    parameters = MaskParameters(seed=0, validation=0.2, test=0.2, annotations=AnnotationParameters(skip_bad=True))
    convert_annotations(parameters, "tasks.own", folder / "raw", folder / "data")
    write_check_page_of(folder / "data", folder / "reports/own/check.html", "own", "zh")
    page = (folder / "reports/own/check.html").read_text(encoding="utf-8")
    assert "own：目视检查" in page and "validation/empty" in page and "train/empty" in page
    assert len(images_in(page, "webp")) == 22 + 10
    (folder / "data/report.json").write_text('{"images": {}, "classes": []}')
    write_check_page_of(folder / "data", folder / "none.html", "own", "en")
    assert not (folder / "none.html").exists(), "of images with a class"


# Leaving out by name.


def test_images_are_left_out_by_name(folder: Path, converted: dict[str, Path]) -> None:
    source = write_files(planted_faults(), folder / "own")
    convert_masks(source, folder / "out", {"skip_bad": True, "leave_out": ["alike", "tiny", "left_out", "left_out"]})
    before, report = read_json(converted["en"] / "report.json"), read_json(folder / "out/report.json")
    assert report["images"]["all"] == before["images"]["all"] - 3
    named = [reason for reason in report["left_out"] if reason.endswith(": named in annotations.leave_out")]
    assert [reason.split(": ")[1] for reason in named] == ["alike.json", "left_out.json", "tiny.json"]
    assert not report["findings"]["alike"]["pairs"]
    assert {path.stem for path in (folder / "out/masks").iterdir()}.isdisjoint({"alike", "tiny", "left_out"})


def test_a_name_to_leave_out_must_be_one(folder: Path) -> None:
    source = write_files({
        name.removeprefix("scenes/"): content for name, content in scene_files(3).items()
    }, folder / "own")  # fmt: skip
    for names, message in (
        (["s11"], r"^params.yaml: annotations.leave_out = 's11': no image has this name; did you mean s\d\?$"),
        (["s1.jpg"], r"leave_out = 's1.jpg': no image has this name; did you mean s1\?$"),
        (["zzzz"], r"no image has this name; known: s0, s1, s2$"),
        (["train/s1"], "no image has this name"),
        (["s0", "s1", "s2"], "leave_out: names all 3 images; keep some"),
        ([1], "leave_out"),
    ):
        with pytest.raises(UserError, match=message):
            convert_masks(source, folder / "out", {"leave_out": names})
    assert not (folder / "out").exists()


def test_names_of_splits_tell_images_apart(folder: Path) -> None:
    mask = np.pad(np.ones((4, 5), np.uint8), 2)
    files: dict[str, bytes] = {}
    for split in ("train", "val"):
        for name in ("a", "b"):
            pixels = np.random.default_rng(len(files)).integers(0, 256, (8, 9, 3), np.uint8)
            files |= {f"{split}/images/{name}.png": png_bytes(pixels), f"{split}/masks/{name}.png": png_bytes(mask)}
    write_zip(folder / "own.zip", files)
    convert_masks(folder / "own.zip", folder / "out", {"leave_out": ["validation/a"]})
    masks = folder / "out/masks"
    written = sorted(path.relative_to(masks).as_posix() for path in masks.rglob("*.png"))
    assert written == ["train/a.png", "train/b.png", "validation/b.png"]
    assert {pair["name"] for pair in read_json(folder / "out/report.json")["check"]} == {
        "train/a", "train/b", "validation/b",
    }  # fmt: skip
    with pytest.raises(UserError, match=r"'a': no image has this name; known: train/a"):
        convert_masks(folder / "own.zip", folder / "new", {"leave_out": ["a"]})


def test_command_line_takes_names_and_a_language(folder: Path) -> None:
    files = {name.removeprefix("scenes/"): content for name, content in scene_files(4).items()}
    source = write_files(files, folder / "own")
    arguments = ["darkroom", "masks", str(source), str(folder / "out"), "--leave-out", "s0", "s2", "--language", "zh"]
    done = stage(Path(__file__).parent.parent, *arguments)
    assert done.returncode == 0 and "2 masks from labelme" in done.stdout, done.stderr
    assert "目视检查" in (folder / "out/check.html").read_text(encoding="utf-8")


# The page in a browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser: Browser, converted: dict[str, Path]) -> Browser:
    browser.be("light")
    browser.open(converted["en"] / "check.html")
    browser.value("localStorage.clear()")
    browser.open(converted["en"] / "check.html")
    browser.value("window.write = async text => { window.copied = text }; 0")
    browser.value("Object.defineProperty(navigator, 'clipboard', {value: {writeText: write}, configurable: true}); 0")
    return browser


def shown_names(browser: Browser) -> list[str]:
    return browser.value("[...list.children].filter(one => !one.hidden).map(one => one.dataset.name)")


def focused(browser: Browser) -> object:
    return browser.value("document.activeElement.closest('li')?.dataset.name")


def choose(browser: Browser, select: str, value: str) -> None:
    browser.value(f"{{const one = document.getElementById('{select}'); one.value = '{value}';"
                  "one.dispatchEvent(new Event('change')); 0}")  # fmt: skip


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [360, 1200])
def test_page_is_accessible(
    browser: Browser, converted: dict[str, Path], language: str, scheme: str, width: int
) -> None:
    browser.be(scheme, width)
    browser.open(converted[language] / "check.html")
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 22, 22)"}[scheme]
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
    browser.value("leave(cards[0], true)")
    assert browser.violations() == []
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
    browser.value("show(cards[0])")
    assert browser.violations() == []
    browser.value("leave(cards[0], false)")


@in_browser
def test_axe_looks(opened: Browser) -> None:
    opened.value("document.documentElement.style.setProperty('--ink', '#eee')")
    assert "color-contrast" in {name for name, _ in opened.violations()}


@in_browser
def test_keys_move_open_copy_and_leave_out(opened: Browser) -> None:
    names = shown_names(opened)
    opened.press("ArrowRight")
    assert focused(opened) == names[0], "the first key goes into the list"
    opened.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert focused(opened) == names[1]
    columns = opened.value("columns()")
    opened.press("ArrowDown")
    assert columns > 1 and focused(opened) == names[1 + columns]
    opened.press("ArrowUp", "End")
    assert focused(opened) == names[-1]
    opened.press("ArrowRight", "Home", "ArrowLeft")
    assert focused(opened) == names[0], "it stays within the list"
    opened.press("c")
    assert opened.value("copied") == names[0]
    assert opened.value("document.getElementById('status').textContent") == f"Copied: {names[0]}"
    opened.press("Enter")
    assert opened.value("dialog.open") and opened.value("inDialog('h2').textContent") == names[0]
    opened.press("ArrowRight", "c", "x")
    assert opened.value("inDialog('h2').textContent") == names[1] == opened.value("copied")
    assert opened.value("inDialog('.leave').checked")
    opened.press("+", "+", "-")
    assert opened.value("zoom") == 2
    opened.press("0")
    assert opened.value("zoom") == 1
    opened.press("Escape")
    assert not opened.value("dialog.open") and focused(opened) == names[1]
    opened.press("ArrowRight", "x")
    text = opened.value("document.getElementById('left-out').value")
    assert json.loads(text.removeprefix("leave_out: ")) == names[1:3]
    opened.value("document.getElementById('copy-list').click()")
    assert opened.value("copied") == text
    opened.press("x")
    assert opened.value("document.getElementById('left-out').value") == f'leave_out: ["{names[1]}"]'


@in_browser
def test_marks_outlast_the_page_and_are_cleared(opened: Browser, converted: dict[str, Path]) -> None:
    opened.press("ArrowRight", "x")
    opened.open(converted["en"] / "check.html")
    assert opened.value("cards[0].leave.checked") and not opened.value("document.getElementById('list').hidden")
    opened.value("document.getElementById('clear').click()")
    assert opened.value("document.getElementById('list').hidden")
    opened.open(converted["en"] / "check.html")
    assert not opened.value("cards[0].leave.checked")


@in_browser
def test_views(opened: Browser) -> None:
    def visible(kind: str) -> bool:
        return opened.value(f"getComputedStyle(document.querySelector('.open .{kind}')).visibility") == "visible"

    opened.press("ArrowRight")
    assert visible("mask") and visible("image")
    opened.press("o")
    assert not visible("mask") and visible("image")
    opened.press("o", "m")
    assert visible("mask") and not visible("image")
    opened.press("m")
    assert visible("mask") and visible("image")
    opened.value("document.querySelector('[name=view][value=image]').click()")
    assert not visible("mask")
    opened.value("show(cards[0]); inDialog('[value=overlay]').click()")
    assert visible("mask") and opened.value("document.querySelector('[name=view][value=overlay]').checked")
    opened.value("{const one = inDialog('.opacity'); one.value = 20; one.dispatchEvent(new Event('input')); 0}")
    assert opened.value("getComputedStyle(document.querySelector('.open .mask')).opacity") == "0.2"


@in_browser
def test_sorting_and_filtering(opened: Browser) -> None:
    names = shown_names(opened)
    choose(opened, "sort", "name")
    assert shown_names(opened) == sorted(names)
    for kind in WEIGHTS:
        choose(opened, "sort", kind)
        first = shown_names(opened)
        assert opened.value(f"cardOf.get(list.children[0]).values.hasOwnProperty('{kind}')"), kind
        assert sorted(first) == sorted(names)
        assert kind in first[:2] or kind == "border"
    choose(opened, "sort", "")
    assert shown_names(opened) == names
    choose(opened, "class", opened.value("String(data.classes.find(one => one.name === 'dgo').id)"))
    assert shown_names(opened) == ["once"]
    assert opened.value("document.getElementById('status').textContent") == "1 images shown"
    choose(opened, "class", "")
    assert shown_names(opened) == names


@in_browser
def test_copying_without_a_clipboard(opened: Browser) -> None:
    """Some browsers give pages of files no clipboard."""
    opened.value("Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true}); 0")
    opened.value("document.execCommand = what => { window.copied = what + document.activeElement.value }; 0")
    opened.press("ArrowRight", "c")
    assert opened.value("copied") == "copy" + shown_names(opened)[0] and focused(opened) == shown_names(opened)[0]
