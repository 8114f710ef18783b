"""Chinese names of classes, files and folders, in figures, reports, commands and studies."""

import json
import re
import string
import warnings
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import (
    CLASSES,
    ROOT,
    assert_one_line,
    copy_project,
    jpeg_bytes,
    labelme,
    noise,
    run,
    shape,
    stage,
    succeed,
    write_zip,
)
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.text import Text
from small_runs import DATA, METRICS, classification, draw_figures, evaluated, segmentation, trained
from test_archives import raw_zip
from test_commands import place_model, write_files

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.commands.compare import compare
from darkroom.commands.ensemble import ensemble
from darkroom.commands.masks import convert_masks
from darkroom.commands.predict import predict
from darkroom.common.errors import UserError
from darkroom.common.files import read_json, read_yaml
from darkroom.common.named import names_in
from darkroom.common.texts import column, shorten, width
from darkroom.configuration import configure
from darkroom.datasets import kinds
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.parameters import FolderParameters
from darkroom.figures import fonts
from darkroom.figures.classes import draw_confusion
from darkroom.figures.fonts import families_for, readable
from darkroom.figures.languages import Texts, texts_of
from darkroom.figures.overview import read_results
from darkroom.figures.pictures import draw_flips
from darkroom.figures.report import write_report
from darkroom.figures.style import save, short
from darkroom.studies.declared import Scale, runs_of
from darkroom.studies.figure import draw_study

NAMES = ["猫", "狗"]
PATTERN = re.compile(r"[\u4e00-\u9fff]")


def write_font(path: Path, family: str, characters: str) -> Path:
    """A font whose glyphs are all the same square."""
    pen = TTGlyphPen(None)
    for x, y in ((0, 0), (0, 800), (800, 800), (800, 0)):
        (pen.lineTo if pen.points else pen.moveTo)((x, y))
    pen.closePath()
    names = [".notdef", *(f"u{ord(one)}" for one in characters)]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(names)
    font.setupCharacterMap({ord(one): f"u{ord(one)}" for one in characters})
    font.setupGlyf(dict.fromkeys(names, pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupOS2(usWeightClass=400)
    font.setupNameTable({"familyName": family, "styleName": "Regular"})
    font.setupPost()
    font.save(path)
    return path


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """A character that the font does not have is a warning of matplotlib's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*[Gg]lyph")
        yield


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib finds its own fonts alone, whichever this machine has."""
    own = [font for font in font_manager.fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)


@pytest.fixture
def chinese_font(folder: Path, no_fonts: None) -> None:
    font_manager.fontManager.addfont(write_font(folder / "字体.ttf", "Test Song", "猫狗裂缝锈蚀图像我的结果甲乙种错"))


def texts_in(draw, monkeypatch: pytest.MonkeyPatch) -> str:
    """All texts of the figure that `draw` saves."""
    found: list[str] = []

    def look(figure, path: Path) -> None:
        figure.canvas.draw()
        found.extend(text.get_text() for text in figure.findobj(Text))
        save(figure, path)

    for module in ("classes", "pictures"):
        monkeypatch.setattr(f"darkroom.figures.{module}.save", look)
    monkeypatch.setattr("darkroom.studies.figure.save", look)
    draw()
    return "\n".join(found)


def test_english_figures_are_drawn_as_ever(folder: Path) -> None:
    """To the byte: their only font is matplotlib's own."""
    assert families_for(set(string.printable) - set("\t\r\x0b\x0c") | set("é°…→×²–")) == ([], set())
    confusion = np.array([[3, 1], [0, 4]])
    draw_confusion(confusion, CLASSES, Path("plain.png"))
    with readable(CLASSES, [], Path("names.csv")) as names:
        draw_confusion(confusion, CLASSES, Path("within.png"))
    assert Path("plain.png").read_bytes() == Path("within.png").read_bytes()
    assert not names.used and not Path("names.csv").exists()


def test_names_are_written_where_a_font_has_them(
    folder: Path, chinese_font: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def draw() -> None:
        with readable(NAMES, [], Path("names.csv")):
            assert plt.rcParams["font.family"][-1] == "Test Song"
            draw_confusion(np.array([[3, 1], [0, 4]]), NAMES, Path("confusion.png"))

    told = texts_in(draw, monkeypatch)
    assert all(name in told for name in NAMES) and "#" not in told
    assert not Path("names.csv").exists() and not capsys.readouterr().err
    assert plt.rcParams["font.family"] == ["sans-serif"], "other figures keep their font"


def test_names_are_numbered_where_no_font_has_them(
    folder: Path, chinese_font: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = ["plain", "猫", "龘", "𠮷\t"]

    def draw() -> None:
        with readable(classes, ["龘图", "unused 龘"], Path("names.csv")):
            assert short("龘图") == "#4"
            draw_confusion(np.eye(4), classes, Path("confusion.png"))

    told = texts_in(draw, monkeypatch)
    assert {"plain", "猫", "#2", "#3"} <= set(told.split("\n"))
    table = pd.read_csv("names.csv")
    assert dict(zip(table["number"], table["name"], strict=True)) == {2: "龘", 3: "𠮷\t", 4: "龘图"}
    [line] = capsys.readouterr().err.splitlines()
    assert "龘" in line and "names.csv" in line and "install" in line


@pytest.mark.parametrize(
    ("system", "character", "advice"),
    [
        ("Linux", "猫", "apt-get install fonts-noto-cjk"),
        ("Linux", "𠮷", "apt-get install fonts-hanazono"),
        ("Darwin", "猫", "install Noto Sans SC"),
        ("Windows", "猫", "install Noto Sans SC"),
        ("Linux", "ኢ", "a font that has them"),
    ],
)
def test_the_line_says_which_font_to_install(
    folder: Path, no_fonts: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    system: str, character: str, advice: str,
) -> None:  # fmt: skip
    monkeypatch.setattr("platform.system", lambda: system)
    with readable([character], [], Path("names.csv")):
        assert short(character) == "#0"
    [line] = capsys.readouterr().err.splitlines()
    assert advice in line
    monkeypatch.setattr(fonts, "families_for", lambda _: ([], set()))  # as after installing it
    with readable([character], [], Path("names.csv")):
        assert short(character) == character
    assert not Path("names.csv").exists() and not capsys.readouterr().err


def test_the_same_font_is_taken_whatever_the_order_of_the_list(
    folder: Path, no_fonts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for family, characters in (
        ("Aaa", "猫狗"), ("WenQuanYi Zen Hei", "猫狗"), ("Microsoft YaHei", "猫"), ("Bbb", "鸟"),
        ("Last Resort", "猫狗鸟龘"),
    ):  # fmt: skip
        font_manager.fontManager.addfont(write_font(folder / f"{family}.ttf", family, characters))
    listed = font_manager.fontManager.ttflist
    for order in (listed, listed[::-1]):
        monkeypatch.setattr(font_manager.fontManager, "ttflist", order)
        assert families_for(set("a cat 猫狗")) == (["WenQuanYi Zen Hei"], set())
        assert families_for(set("猫")) == (["Microsoft YaHei"], set())
        assert families_for(set("猫狗鸟龘")) == (["Microsoft YaHei", "WenQuanYi Zen Hei", "Bbb"], {"龘"})


def test_a_font_that_was_just_installed_is_found(folder: Path, no_fonts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib keeps the list of fonts that it found at its first import."""
    assert families_for(set("猫")) == ([], {"猫"})
    (folder / "broken.ttf").write_bytes(b"no font")
    new = [str(write_font(folder / "新.ttf", "New Song", "猫")), str(folder / "broken.ttf")]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: new)
    assert families_for(set("猫")) == (["New Song"], set())


def test_a_font_that_lacks_a_bold_character_is_not_relied_on(folder: Path, no_fonts: None) -> None:
    for number, characters in enumerate(("猫狗", "猫")):
        font_manager.fontManager.addfont(write_font(folder / f"{number}.ttf", "Two Songs", characters))
    assert families_for(set("猫狗")) == (["Two Songs"], {"狗"})


def test_chinese_characters_take_two_columns() -> None:
    assert (width("a猫"), shorten("a" * 18, 18), shorten("a" * 19, 18)) == (3, "a" * 18, "a" * 17 + "…")
    assert shorten("猫" * 9, 18) == "猫" * 9
    assert shorten("猫" * 10, 18) == "猫" * 8 + "…"
    assert [width(column(text, 6)) for text in ("猫", "ab", "猫猫猫猫", "abcdefgh")] == [6, 6, 6, 6]


def place_photos(folder: Path) -> None:
    """数据.zip with photos of two classes, its names in GBK, as old programs write them."""
    names = [f"图片/{name}/{number}.jpg" for name in NAMES for number in range(12)]
    raw_zip(folder / "数据.zip", [name.encode("gbk") for name in names], content=jpeg_bytes(noise(16, 16)))


def test_a_classification(
    folder: Path, chinese_font: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an archive to the figures, the report and the commands, in a folder with a Chinese name."""
    Path("我的 项目").mkdir()
    monkeypatch.chdir("我的 项目")
    place_photos(Path("原始"))
    parameters = FolderParameters(seed=0, validation=0.25, test=0.25, image_size=16, encoding="gbk")
    prepare_image_folder(parameters, "key", Path("原始"), DATA)
    trained(classification({"name": "simple_cnn"}, epochs=1))
    evaluated()
    assert sorted(read_json(DATA / "dataset.json")["classes"]) == sorted(NAMES)
    draw_figures()
    assert not Path("plots/names.csv").exists() and "number" not in Path("plots/classes.csv").read_text()
    Path("train.json").write_text('{"seed": 0}')
    results = read_results(DATA, Path("predictions"), METRICS)
    pages = {}
    for language in names_in("darkroom.figures.languages"):
        path = Path(f"{language}.html")
        write_report(path, "own", results, Path("train.json"), Path("plots"), Path("images"), language)
        pages[language] = path.read_text(encoding="utf-8")
    figures = {language: re.findall(r'base64,([^"]*)"', page) for language, page in pages.items()}
    assert figures["zh"] == figures["en"] and len(figures["en"]) > 8, "the same figures"
    assert '<html lang="zh-Hans">' in pages["zh"] and '<html lang="en">' in pages["en"]
    for name in read_json(METRICS / "test.json").keys() - {"intervals"}:
        assert PATTERN.search(texts_of("zh").names[name]) or name.endswith("f1"), name
        assert f"{texts_of('zh').names[name]} ({name})" in pages["zh"]
    heads = re.findall(r'<th scope="col">(.*?)</th>', pages["zh"])
    assert all(PATTERN.search(head) or head == "F1" for head in heads), heads
    texts = re.findall(r"<(?:h2|p|figcaption)>(.*?)</(?:h2|p|figcaption)>", pages["zh"])
    assert len(texts) > 10 and all(PATTERN.search(text) for text in texts), texts

    Path("data/prepared").mkdir(parents=True)
    DATA.rename("data/prepared/own")
    Path("data/predictions").mkdir()
    Path("predictions").rename("data/predictions/own")
    Path("metrics/own").mkdir()
    (METRICS / "test.json").rename("metrics/own/test.json")
    capsys.readouterr()
    compare(["own"], ("workspace", "workspace"), Path("对比"), False)
    assert "猫" in capsys.readouterr().out
    assert pd.read_csv("对比/images.csv")["true"].isin(NAMES).all() and Path("对比/flips.png").is_file()
    ensemble("own", ["workspace", "workspace"], "mean", Path("集成"), False)
    assert Path("集成/plots/confusion.png").is_file() and not Path("集成/plots/names.csv").exists()
    place_model("own")
    Path("新图").mkdir()
    Path("新图/照片 1.jpg").write_bytes(jpeg_bytes(noise(20, 20)))
    capsys.readouterr()
    predict("own", ["新图", "新图/照*.jpg"], None, None, True)
    [told] = json.loads(capsys.readouterr().out)
    assert told["image"] == str(Path("新图/照片 1.jpg")) and set(told["classes"]) == set(NAMES)


def scenes() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for number in range(12):
        label = ("裂缝", "锈蚀")[number % 2]
        files[f"图/图像{number}.jpg"] = jpeg_bytes(noise(36, 40, number))
        shapes = [shape(label, [[5, 5], [24, 19]], "rectangle")]
        files[f"图/图像{number}.json"] = labelme(f"图像{number}.jpg", shapes, 40, 36)
    return files


@pytest.mark.parametrize("has_font", [True, False])
def test_a_segmentation(
    folder: Path,
    chinese_font: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    has_font: bool,
) -> None:
    if not has_font:
        own = [font for font in font_manager.fontManager.ttflist if font.name != "Test Song"]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    write_zip(Path("原始/数据 (1).zip"), scenes())
    parameters = MaskParameters(seed=0, validation=0.2, test=0.2, annotations=AnnotationParameters())
    convert_annotations(parameters, "key", Path("原始"), DATA)
    trained(segmentation(epochs=1))
    evaluated("segmentation")
    capsys.readouterr()
    draw_figures()
    lines = capsys.readouterr().err.splitlines()
    table = pd.read_csv("plots/classes.csv").set_index("class")
    if has_font:
        assert not lines and "number" not in table and not Path("plots/names.csv").exists()
        assert texts_of("zh").names.keys() >= {"class", *table.columns}, "each column has a Chinese head"
    else:
        assert len(lines) == 1 and "no installed font has" in lines[0]
        assert table["number"].to_dict() == {"background": 0, "裂缝": 1, "锈蚀": 2}
        names = dict(pd.read_csv("plots/names.csv").to_numpy().tolist())
        assert (names[1], names[2]) == ("裂缝", "锈蚀") and names[3].startswith("图像")
    place_model("own")
    Path("新图").mkdir()
    Path("新图/照片.jpg").write_bytes(jpeg_bytes(noise(36, 40)))
    predict("own", ["新图"], None, Path("结果"), False)
    assert [path.name for path in sorted(Path("结果").rglob("*.png"))] == ["照片.png", "照片.png"]


def test_masks(folder: Path, no_fonts: None) -> None:
    write_files(scenes(), folder / "标注 集")
    done = run(ROOT, "python", "-W", "error", "-m", "darkroom", "masks", f"{folder}/标注 集", f"{folder}/掩码")
    assert done.returncode == 0, done.stderr
    assert "Glyph" not in done.stderr and len(done.stderr.splitlines()) <= 1
    head, *table, last = done.stdout.splitlines()
    assert [line.split()[1] for line in table] == ["background", "裂缝", "锈蚀"] and "12 masks" in last
    assert {width(line) for line in (head, *table)} == {width(head)}, "the columns are straight"
    assert (folder / "掩码/masks/图像0.png").is_file()


def test_masks_without_fonts(folder: Path, no_fonts: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The browser has its own."""
    write_files(scenes(), Path("标注"))
    convert_masks(Path("标注"), Path("掩码"), {"classes": ["锈蚀", "裂缝"]})
    page = Path("掩码/check.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("锈蚀", "裂缝", "图像0"))
    assert not capsys.readouterr().err


def test_a_terminal_without_chinese_characters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(scenes(), folder / "own")
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    told = succeed(ROOT, "python", "-m", "darkroom", "masks", str(folder / "own"), str(folder / "out"))
    assert r"\u88c2\u7f1d" in told


def test_changed_predictions(folder: Path, chinese_font: None, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = pd.DataFrame({
        "true": ["猫", "狗"], "predicted_a": ["猫", "猫"], "confidence_a": 0.9, "predicted_b": ["狗", "狗"],
        "confidence_b": 0.8,
    })  # fmt: skip

    def draw() -> None:
        with readable(NAMES, ("我的", "结果"), Path("names.csv")):
            draw_flips(np.zeros((2, 8, 8, 3), np.uint8), changes, ("我的", "结果"), Path("flips.png"))

    told = texts_in(draw, monkeypatch)
    assert "猫 → 狗" in told and "From 我的 to 结果" in told


def test_a_study(folder: Path, chinese_font: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its values reach DVC as Hydra reads them, and its points stand in the figure."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    values = {"tasks.a.archive": ["/数据/花 (1).zip", "数据/花.zip"], "tasks.a.annotations.classes": [["猫", "狗"]]}
    runs = runs_of(Scale(points={"甲种": {}}, grid=values), "研究", Path("studies/研究.yaml"))
    for one in runs:
        read = [OverridesParser.create().parse_override(override) for override in one.overrides]
        assert {change.key_or_group: change.value() for change in read} == one.point
    assert runs[1].label == '甲种, archive 数据/花.zip, classes ["猫", "狗"]'

    points = pd.DataFrame({"point": ["甲种", "乙种"], "score": 0.5, "low": 0.4, "high": 0.6, "reported": np.nan})
    history = pd.DataFrame({"epoch": [1, 2], "validation_accuracy": 0.5, "train_accuracy": 0.6})

    def draw() -> None:
        with readable([], points["point"], Path("names.csv")):
            draw_study(points, {"甲种": history}, "accuracy", Path("study.png"))

    assert {"甲种", "乙种"} <= set(texts_in(draw, monkeypatch).split("\n"))


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("language", names_in("darkroom.figures.languages"))
def test_languages_have_the_same_texts(language: str) -> None:
    own, english = texts_of(language), texts_of("en")
    for name in Texts.__dataclass_fields__:
        value, expected = getattr(own, name), getattr(english, name)
        if isinstance(value, str):
            assert placeholders(value) == placeholders(expected), name
        elif name != "names":
            assert list(value) == list(expected), name
    assert [placeholders(own.kinds[kind]) for kind in own.kinds] == [placeholders(english.kinds[k]) for k in own.kinds]
    described = [kinds.kind_of(kind) for kind in names_in(kinds.__name__)]
    assert set(own.kinds) == set(names_in(kinds.__name__))
    assert set(own.scores) == {kind.SCORE for kind in described}
    assert set(own.units) == {kind.UNIT for kind in described}


def test_committed_metrics_have_chinese_names() -> None:
    names = texts_of("zh").names
    for report in (ROOT / "metrics").glob("*/test.json"):
        assert read_json(report).keys() - {"intervals"} <= names.keys(), report


def test_a_language_that_there_is_not_is_one_line(folder: Path) -> None:
    params = read_yaml(ROOT / "params.yaml")
    params["report"]["language"] = "cn"
    Path("params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True))
    with pytest.raises(UserError, match=r"^params.yaml: report.language = 'cn': must be 'en' or 'zh'$"):
        configure(Path("params.yaml"), Path("config"))


def test_a_task_with_a_chinese_name_is_refused(folder: Path) -> None:
    """`dvc exp run -S` could not change it: Hydra's grammar takes no such keys."""
    params = read_yaml(ROOT / "params.yaml")
    params["tasks"] = {"我的": params["tasks"]["cifar10"]}
    Path("params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True))
    assert_one_line(stage(copy_stages(folder), "stages.configure"), "tasks.我的", "lower-case letters", "-S")


def copy_stages(folder: Path) -> Path:
    """A folder from which the stages can be started, with its own params.yaml."""
    for name in ("darkroom", "stages"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_experiments(tmp_path: Path) -> None:
    """`dvc exp run -S` takes Chinese values, in a project whose folder has a Chinese name."""
    project = copy_project(tmp_path / "我的 项目")
    changes = {
        "tasks.cifar10.archive": "数据/花 (1).zip",
        "tasks.segmentation.annotations.classes": ["猫", "狗"],
        "report.language": "zh",
    }
    options = [word for key, value in changes.items() for word in ("-S", f"{key}={quoted(value)}")]
    succeed(project, "dvc", "exp", "run", *options, "configure")
    config = project / "data/config"
    assert read_json(config / "cifar10/fetch.json")["archive"] == "数据/花 (1).zip"
    assert read_json(config / "segmentation/prepare.json")["annotations"]["classes"] == ["猫", "狗"]
    assert read_json(config / "cifar10/plot.json") == {"report": {"language": "zh"}}
    configured = {path.name for path in config.rglob("*.json") if b"zh" in path.read_bytes()}
    assert configured == {"plot.json"}, "only the stage plot reads the language"


def quoted(value: str | list[str]) -> str:
    return f"[{','.join(map(quoted, value))}]" if isinstance(value, list) else f"'{value}'"
