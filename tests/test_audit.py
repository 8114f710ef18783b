"""The audit: its stage, images that are left out by name, the command, and the page."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from browser import AXE, CHROMIUM, Browser
from conftest import ROOT, noise, png_bytes, scene_files, stage, write_zip
from PIL import Image

from darkroom.annotations.convert import convert_annotations
from darkroom.annotations.parameters import AnnotationParameters, MaskParameters
from darkroom.audit.audit import audit, count_entries, leaked_images
from darkroom.audit.findings import Finding, Place
from darkroom.audit.kinds import classification
from darkroom.audit.parameters import Audit, AuditParameters
from darkroom.audit.points import find_equal_points
from darkroom.audit.table import Entry, Named, read_findings, write_findings
from darkroom.commands.audit import audit_sources
from darkroom.common.errors import UserError
from darkroom.common.files import read_json, write_csv
from darkroom.common.named import names_in
from darkroom.configuration import configure
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.image_folder import prepare_image_folder
from darkroom.datasets.left_out import digest_of, image_names, leaving_out
from darkroom.datasets.packed import describe, read_files, read_split, write_files, write_images, write_labels
from darkroom.datasets.parameters import FolderParameters, ImageParameters
from darkroom.figures.audit_page import write_audit_page_of

LANGUAGES = names_in("darkroom.figures.languages")
in_browser = pytest.mark.skipif(CHROMIUM is None or AXE is None or os.name != "posix", reason="needs Chromium")
CLASSES = ["cat", "dog", "狐狸"]
COUNTS = {"train": 30, "validation": 9, "test": 12}


def pictures(seed: int, count: int) -> np.ndarray:
    """Smooth images, no two of which are alike."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, 9, 9, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((32, 32), Image.Resampling.BICUBIC)) for one in coarse])


def prepare_planted(parameters: ImageParameters, _: str, __: Path, folder: Path) -> None:
    """Write images in which training has two test images, one of them mirrored, and one of validation twice."""
    images = {split: pictures(place, count) for place, (split, count) in enumerate(COUNTS.items())}
    images["train"][3] = images["test"][4]
    images["train"][5] = images["test"][7][:, ::-1]
    images["validation"][8] = images["validation"][2]
    images["train"][20] = 90
    for split, of_split in images.items():
        write_images(folder, split, of_split)
        write_labels(folder, split, np.arange(len(of_split)) % len(CLASSES))
    write_files(folder, {split: [f"{split}/{n}.png" for n in range(count)] for split, count in COUNTS.items()})
    describe(folder, CLASSES)


def stand_in(images: np.ndarray, labels: np.ndarray, classes: int, *_: object) -> np.ndarray:
    """Logits that are sure of all labels but those of the first image of training and of the test split."""
    logits = np.zeros((len(labels), classes), np.float32)
    logits[np.arange(len(labels)), labels] = 9
    for index in (0, COUNTS["train"] + COUNTS["validation"]):
        logits[index] = np.roll(logits[index], 1)
    return logits


def audit_planted(folder: Path, left_out: list[str]) -> None:
    """Prepare and audit the planted images in `folder`."""
    parameters = ImageParameters(seed=0, validation=0.1, left_out=left_out)
    leaving_out(prepare_planted)(parameters, "tasks.pets", folder, folder / "prepared")
    labels = read_split(folder / "prepared", "test")[1]
    true = [CLASSES[label] for label in labels]
    predicted = ["dog", *true[1:4], "cat", *true[5:]]
    (folder / "predictions").mkdir(exist_ok=True)
    rows = zip(range(len(true)), true, predicted, strict=True)
    write_csv(folder / "predictions/predictions.csv", ["index", "true", "predicted"], rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classification, "cross_validated_logits", stand_in)
        audit(
            AuditParameters(kind="classification", seed=0, audit=Audit(enabled=True)),
            folder / "prepared", folder / "model", folder / "predictions", folder / "found", folder / "audit.json",
            "cpu",
        )  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted images audited, with the page in each language, in a folder whose name is Chinese."""
    folder = tmp_path_factory.mktemp("audit") / "审查 page"
    folder.mkdir()
    audit_planted(folder, [])
    for language in LANGUAGES:
        page = folder / language / "audit.html"
        write_audit_page_of(folder / "prepared", folder / "found", folder / "audit.json", page, "pets", language)
    return folder


def found(folder: Path, kind: str) -> list[Entry]:
    return [entry for entry in read_findings(folder / "found/findings.csv") if entry.finding.kind == kind]


def test_planted_faults_are_found_and_counted(planted: Path) -> None:
    pairs = {kind: [(one.finding.place, one.finding.other) for one in found(planted, kind)]
             for kind in ("exact_duplicate", "near_duplicate")}  # fmt: skip
    assert sorted(pairs["exact_duplicate"], key=str) == [
        (Place("train", 3), Place("test", 4)), (Place("validation", 8), Place("validation", 2)),
    ]  # fmt: skip
    assert pairs["near_duplicate"] == [(Place("train", 5), Place("test", 7))]
    assert found(planted, "near_duplicate")[0].finding.note == "mirrored"
    wrong = found(planted, "label_error")
    assert {(one.image.label, one.finding.note) for one in wrong} == {("cat", "dog")}
    assert [one.image.file for one in found(planted, "blank")] == ["train/20.png"]

    counts = read_json(planted / "audit.json")
    assert counts["exact_duplicates"] == 2 and counts["near_duplicates"] == 1 and counts["leaked"] == 2
    assert counts["label_errors"] == {"train": 1, "validation": 0, "test": 1}
    assert counts["blank"] == 1 and counts["corrupt"] == 0 and counts["imbalance"] == 1.0
    assert counts["accuracy"] == round(10 / 12, 6), "0 and 4 are wrong"
    assert counts["accuracy_without_leaked"] == 0.9, "4 and 7 leaked"
    assert counts["accuracy_without_doubtful"] == 1.0, "and the label of 0 is likely wrong"
    for name, (low, high) in counts["intervals"].items():
        assert 0.5 < low <= counts[name] <= high <= 1


def test_images_that_the_audit_names_are_left_out(planted: Path, tmp_path: Path) -> None:
    copies = [one.image.name for kind in ("exact_duplicate", "near_duplicate") for one in found(planted, kind)]
    assert all(name.partition("/")[0] in SPLITS for name in copies) and any(name.endswith(".2") for name in copies)
    audit_planted(tmp_path, copies)
    counts = read_json(tmp_path / "audit.json")
    assert counts["exact_duplicates"] == counts["near_duplicates"] == counts["leaked"] == 0
    report = read_json(tmp_path / "prepared/report.json")
    assert report["left_out"] == sorted(copies)
    assert (
        report["images"] == {"train": 28, "validation": 8, "test": 12} == Description.read(tmp_path / "prepared").images
    )
    images, labels = read_split(tmp_path / "prepared", "train")
    before, labels_before = read_split(planted / "prepared", "train")
    kept = [index for index in range(30) if index not in (3, 5)]
    assert np.array_equal(images, before[kept]) and labels.tolist() == labels_before[kept].tolist()
    assert read_files(tmp_path / "prepared")["train"] == [f"train/{index}.png" for index in kept]
    assert sorted(path.name for path in (tmp_path / "prepared").iterdir()) == sorted(
        path.name for path in (planted / "prepared").iterdir()
    )


def test_names_stay_right_when_others_are_left_out() -> None:
    digests = ["a" * 64, "b" * 64, "a" * 64, "a" * 64]
    a = f"train/{'a' * 12}"
    assert image_names("train", digests, []) == [a, f"train/{'b' * 12}", f"{a}.2", f"{a}.3"]
    assert image_names("train", digests[1:], [a]) == [f"train/{'b' * 12}", f"{a}.2", f"{a}.3"]
    assert image_names("train", digests[:3], [f"{a}.2"]) == [a, f"train/{'b' * 12}", f"{a}.3"]
    image = noise(4, 6)
    assert digest_of(image) != digest_of(image.reshape(6, 4, 3)), "the size counts"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/0123456789ab"], "no image of the split train has this name"),
        (["elsewhere/0123456789ab"], "is no name; write SPLIT/DIGEST"),
    ],
)
def test_names_of_no_image_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    parameters = ImageParameters(seed=0, validation=0.1, left_out=names)
    with pytest.raises(UserError, match=message):
        leaving_out(prepare_planted)(parameters, "tasks.pets", tmp_path, tmp_path / "prepared")
    assert not (tmp_path / "prepared").exists()


def test_all_images_of_a_class_cannot_be_left_out(planted: Path, tmp_path: Path) -> None:
    names = classification.name_images(planted / "prepared", Description.read(planted / "prepared"))["test"]
    parameters = ImageParameters(seed=0, validation=0.1, left_out=[one.name for one in names if one.label == "dog"])
    with pytest.raises(UserError, match="names all images of class dog in the split test"):
        leaving_out(prepare_planted)(parameters, "tasks.pets", tmp_path, tmp_path / "prepared")


def configured(folder: Path, task: str, **values: object) -> dict[str, bytes]:
    """The files of a task that `configure` writes, with other values of `audit`."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["tasks"][task]["audit"] = values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    configure(folder / "params.yaml", folder / "config")
    return {path.stem: path.read_bytes() for path in (folder / "config" / task).iterdir()}


def test_switching_the_audit_prepares_nothing_again(tmp_path: Path) -> None:
    on, off = (configured(tmp_path, "cifar10", enabled=enabled) for enabled in (True, False))
    assert {name for name in on if on[name] != off[name]} == {"audit"}
    fewer = configured(tmp_path, "cifar10", enabled=True, leave_out=["train/0123456789ab"])
    assert {name for name in on if on[name] != fewer[name]} == {"audit", "prepare"}


def test_leave_out_is_for_classifications(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tasks.segmentation: audit.leave_out is not for segmentation; use annotations"):
        configured(tmp_path, "segmentation", leave_out=["a"])
    with pytest.raises(UserError, match="audit.leave_out is not for points; it has no images"):
        configured(tmp_path, "spirals", leave_out=["a"])
    with pytest.raises(UserError, match=r"tasks.cifar10.audit.leave_out = 3"):
        configured(tmp_path, "cifar10", leave_out=3)


def test_a_stage_that_is_off_writes_an_empty_audit_without_pytorch(folder: Path) -> None:
    configured(folder, "mnist", enabled=False)
    (folder / "data").mkdir()
    (folder / "config").rename("data/config")
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from stages.audit import main; main('mnist'); "
    (folder / "off.py").write_text(f"{script}assert 'torch' not in sys.modules", encoding="utf-8")
    done = stage(folder, "off")
    assert done.returncode == 0, done.stderr
    assert (
        read_json(Path("metrics/mnist/audit.json")) == {} and read_findings(Path("data/audit/mnist/findings.csv")) == []
    )
    write_audit_page_of(
        Path("data"), Path("data/audit/mnist"), Path("metrics/mnist/audit.json"), Path("a.html"), "m", "en"
    )
    assert not Path("a.html").exists()


def test_findings_survive_the_table(tmp_path: Path) -> None:
    entries = [
        Entry(Finding("exact_duplicate", Place("train", 3), 1.0, Place("test", 0), 'a, "b"\n'),
              Named("x", "猫.png", "nan"),
              Named("y", "", "null")),
        Entry(Finding("blank", Place("test", 1), 0.25), Named("z"), Named()),
    ]  # fmt: skip
    write_findings(tmp_path / "findings.csv", entries)
    assert read_findings(tmp_path / "findings.csv") == entries


def test_leaked_images_are_those_of_the_test_split() -> None:
    pairs = [(("train", 1), ("test", 5)), (("test", 6), ("validation", 0)), (("test", 8), ("test", 7)),
             (("validation", 1), ("train", 2))]  # fmt: skip
    findings = [Finding("near_duplicate", Place(*one), 1.0, Place(*other)) for one, other in pairs]
    assert leaked_images(findings) == {5, 6}


def test_equal_points(tmp_path: Path) -> None:
    points = {"train": [[0, 1], [2, 3], [2, 3]], "validation": [[4, 5]], "test": [[2, 3], [-0.0, 1], [7, 7], [2, 3]]}
    for split, rows in points.items():
        np.save(tmp_path / f"{split}_points.npy", np.array(rows, float))
        np.save(tmp_path / f"{split}_targets.npy", np.zeros(len(rows), int))
    findings = find_equal_points(tmp_path)
    assert leaked_images(findings) == {0, 1, 3}
    assert {one.place for one in findings} == {Place("train", n) for n in range(3)} | {Place("test", 3)}


def test_images_that_do_not_decode_are_counted(folder: Path) -> None:
    """They are left out by `skip_bad`, so that no finding can show them."""
    files = scene_files(20)
    broken = next(name for name in files if name.endswith(".jpg"))
    write_zip(Path("raw/a.zip"), files | {broken: b"\xff\xd8\xff broken"})
    annotations = AnnotationParameters(skip_bad=True)
    convert_annotations(
        MaskParameters(seed=0, validation=0.2, test=0.2, annotations=annotations), "key", Path("raw"), Path("prepared")
    )
    counts = count_entries(Path("prepared"), Description.read(Path("prepared")), [])
    assert counts["corrupt"] == 1
    assert counts["blank"] == counts["exact_duplicates"] == 0


# The command.


@pytest.fixture
def own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images: one is there twice, one does not decode, one is tiny."""
    monkeypatch.setattr(classification, "cross_validated_logits", stand_in)
    for number, pixels in enumerate(pictures(9, 60)):
        path = Path("own", "猫" if number % 2 else "dog", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_bytes(np.asarray(Image.fromarray(pixels).resize((80, 80)))))
    shutil.copy("own/dog/0.png", "own/dog/copy.png")
    Path("own/dog/bad.png").write_bytes(b"no image")
    Path("own/dog/small.png").write_bytes(png_bytes(noise(9, 9)))
    return Path("own")


def test_command_audits_a_folder(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit_sources(["own"], Path("out"), as_json=False)
    printed = capsys.readouterr().out
    assert "own: 62 train" in printed and "exact duplicates: 1" in printed
    assert "1.00  dog/copy.png = dog/0.png" in printed
    assert "  1.00  dog/bad.png" in printed and "  dog/small.png (9×9)" in printed.replace("0.89", "")
    entries = read_findings(Path("out/findings.csv"))
    assert {"exact_duplicate", "corrupt", "tiny"} <= {one.finding.kind for one in entries}
    assert {path.name for path in Path("out").iterdir()} == {"findings.csv", "audit.json", "audit.html"}
    page = Path("out/audit.html").read_text(encoding="utf-8")
    assert "dog/copy.png" in page and 'id="left-out"' not in page, "no parameter takes names of files"
    with pytest.raises(UserError, match="out: exists already"):
        audit_sources(["own"], Path("out"), as_json=False)
    with pytest.raises(UserError, match="nowhere: is no folder, no archive, and no task that is prepared"):
        audit_sources(["nowhere"], None, as_json=False)


def test_command_tells_json_of_archives_and_tasks(own: Path, planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {f"own/train/{path.parent.name}/{path.name}": path.read_bytes() for path in own.rglob("*.png")}
    write_zip(Path("own.zip"), {**files, "own/test/dog/t.png": files["own/train/dog/0.png"]})
    shutil.copytree(planted / "prepared", "data/prepared/pets")
    audit_sources(["own.zip", "pets"], None, as_json=True)
    archive, task = json.loads(capsys.readouterr().out)
    assert archive["images"] == {"train": 62, "validation": 0, "test": 1} and archive["leaked"] == 1
    assert archive["corrupt"] == 1
    assert {one["other"] for one in archive["findings"] if one["kind"] == "exact_duplicate"} == {"test/dog/t.png"}
    assert task["exact_duplicates"] == 2 and task["findings"][0]["image"].endswith(".2")


def test_folders_keep_the_names_of_files(own: Path, folder: Path) -> None:
    Path("own/dog/bad.png").unlink()
    write_zip(Path("raw/a.zip"), {path.as_posix(): path.read_bytes() for path in own.rglob("*.png")})
    parameters = FolderParameters(seed=0, validation=0.2, test=0.2, image_size=32)
    prepare_image_folder(parameters, "key", Path("raw"), Path("prepared"))
    files = read_files(Path("prepared"))
    assert {split: len(names) for split, names in files.items()} == Description.read(Path("prepared")).images
    for split in SPLITS:
        labels = read_split(Path("prepared"), split)[1]
        assert [Path(name).parent.name for name in files[split]] == [["dog", "猫"][label] for label in labels]


# The page in a browser.


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def opened(browser: Browser, planted: Path) -> Browser:
    browser.be("light")
    browser.open(planted / "en/audit.html")
    browser.value("localStorage.clear()")
    browser.open(planted / "en/audit.html")
    browser.value("window.keep = async text => { window.copied = text }; 0")
    browser.value("Object.defineProperty(navigator, 'clipboard', {value: {writeText: keep}, configurable: true}); 0")
    return browser


def shown_names(browser: Browser) -> list[str]:
    return browser.value("shown.map(one => one.dataset.name)")


def test_page_loads_nothing(planted: Path) -> None:
    for language in LANGUAGES:
        page = (planted / language / "audit.html").read_text(encoding="utf-8")
        assert "http:" not in page and "https:" not in page and 'src="data:' in page
        assert "0.833333"[:6] in page and "0.9000" in page and "1.0000" in page
        assert page.count('<li data-kind="exact_duplicate"') == 2
    assert "疑似错误标签" in page or "Likely wrong label" in page


@in_browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1200)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_accessible(browser: Browser, planted: Path, language: str, scheme: str, width: int) -> None:
    browser.be(scheme, width)
    browser.open(planted / language / "audit.html")
    browser.value("document.querySelectorAll('details').forEach(one => { one.open = true })")
    browser.value("leave(shown[0].dataset.name, true)")
    assert browser.violations() == []
    assert browser.value("document.documentElement.scrollWidth <= innerWidth"), "nothing to scroll sideways"
    browser.value("leave(shown[0].dataset.name, false)")


@in_browser
def test_keys_move_copy_and_leave_out(opened: Browser) -> None:
    names = shown_names(opened)
    opened.press("ArrowRight")
    assert opened.value("document.activeElement.dataset.name") == names[0]
    opened.press("ArrowRight", "c", "x")
    assert opened.value("copied") == names[1]
    text = opened.value("document.getElementById('left-out').value")
    assert yaml.safe_load(text) == {"leave_out": [names[1]]}
    assert "tasks.pets.audit" in opened.value("document.querySelector('label[for=left-out]').textContent")
    opened.press("End", "ArrowRight")
    assert opened.value("document.activeElement === shown.at(-1)")
    opened.open(Path(opened.value("decodeURIComponent(location.pathname)")))
    assert opened.value("[...out]") == [names[1]], "marks outlast the page"
    opened.value("document.getElementById('clear').click()")
    assert opened.value("document.getElementById('list').hidden")


@in_browser
def test_filters(opened: Browser, planted: Path) -> None:
    def choose(name: str, value: str) -> None:
        opened.value(f"{{const one = document.getElementById('{name}'); one.value = '{value}';"
                     "one.dispatchEvent(new Event('change')); 0}")  # fmt: skip

    choose("kind", "exact_duplicate")
    assert shown_names(opened) == [one.image.name for one in found(planted, "exact_duplicate")]
    opened.value("document.getElementById('all').click()")
    assert opened.value("out.size") == 2
    choose("split", "test")
    assert shown_names(opened) == [
        one.image.name for one in found(planted, "exact_duplicate") if "train" in one.image.name
    ]
    assert opened.value("status.textContent") == "1 findings shown"
