"""All published forms of CIFAR give the same prepared bytes, and no pickle does harm."""

import io
import os
import pickle
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import cifar_files, write_tar, write_zip

from darkroom.common.errors import UserError
from darkroom.datasets import batch_pickles
from darkroom.datasets.cifar10 import prepare_cifar10
from darkroom.datasets.parameters import SplitParameters
from darkroom.sources.dataset import load_dataset
from darkroom.sources.fetch import fetch
from darkroom.sources.parameters import FetchParameters

RAW, OUT = Path("raw"), Path("prepared")
CLASSES = ["cat", "dog"]


def python_2(content: dict) -> bytes:
    """A pickle as Python 2 and the NumPy of its time wrote it, with the texts of either in 8-bit strings."""
    return b"\x80\x02}q\x01(" + b"".join(string(key) + value_of(value) for key, value in content.items()) + b"u."


def string(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw


def value_of(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        shape = b"".join(b"J" + struct.pack("<i", side) for side in value.shape)
        return (
            b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01" + shape
            + b"\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
            + b"K\x00tb\x89" + string(value.tobytes()) + b"tb"
        )  # fmt: skip
    if isinstance(value, list):
        return b"](" + b"".join(value_of(item) for item in value) + b"e"
    return b"K" + bytes([value]) if isinstance(value, int) else string(value)


def python_3(protocol: int, key: Callable[[str], object] = str) -> Callable[[dict], bytes]:
    return lambda content: pickle.dumps({key(name): value for name, value in content.items()}, protocol)


PICKLERS = {
    "python 2": python_2,
    **{f"protocol {protocol}": python_3(protocol) for protocol in range(6)},
    "bytes": python_3(4, str.encode),
}


def records(content: bytes, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.frombuffer(content, np.uint8).reshape(-1, label_bytes + 3072)
    return rows[:, label_bytes - 1], np.ascontiguousarray(rows[:, label_bytes:])


def python_version(pickled: Callable[[dict], bytes]) -> dict[str, bytes]:
    """The files of `cifar_files` in the layout of CIFAR-10's python version."""
    files = {"cifar-10-batches-py/batches.meta": pickled({"label_names": CLASSES, "num_vis": 5})}
    for name, content in cifar_files().items():
        if name.endswith(".bin"):
            labels, images = records(content, 1)
            batch = {
                "batch_label": "a batch",
                "labels": labels.tolist(),
                "data": images,
                "filenames": ["a"] * len(labels),
            }
            files[f"cifar-10-batches-py/{Path(name).stem}"] = pickled(batch)
    return files


def hundred(pickled: Callable[[dict], bytes] | None) -> dict[str, bytes]:
    """Two classes in the layout of CIFAR-100: its python version, or its binary version without `pickled`."""
    names = {"coarse_label_names": ["other", "animal"], "fine_label_names": CLASSES}
    batches = {
        split: records(cifar_files()[f"cifar-10-batches-bin/{name}.bin"], 1)
        for split, name in (("train", "data_batch_1"), ("test", "test_batch"))
    }
    if pickled is None:
        files = {f"cifar-100-binary/{name}.txt": "\n".join(texts).encode() for name, texts in names.items()}
        for split, (labels, images) in batches.items():
            rows = zip(labels, images, strict=True)
            files[f"cifar-100-binary/{split}.bin"] = b"".join(bytes([1, label]) + row.tobytes() for label, row in rows)
        return files
    files = {"cifar-100-python/meta": pickled(names)}
    for split, (labels, images) in batches.items():
        coarse = [1] * len(labels)
        files[f"cifar-100-python/{split}"] = pickled(
            {"fine_labels": labels.tolist(), "coarse_labels": coarse, "data": images}
        )
    return files


def prepared(files: dict[str, bytes]) -> dict[str, bytes]:
    """The prepared data set, file by file."""
    write_tar(RAW / "cifar.tar.gz", files)
    prepare_cifar10(SplitParameters(seed=0, validation=0.25), "tasks.cifar10", RAW, OUT)
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


@pytest.mark.parametrize("pickled", PICKLERS.values(), ids=list(PICKLERS))
def test_all_forms_give_the_same_bytes(folder: Path, pickled: Callable[[dict], bytes]) -> None:
    binary = prepared(cifar_files())
    assert len(binary) == 8
    assert prepared(python_version(pickled)) == binary
    assert prepared(hundred(None)) == binary, "its fine labels are the same here"
    assert prepared(hundred(pickled)) == binary


@pytest.mark.parametrize("pickled", [None, python_2], ids=["binary", "python"])
def test_a_folder_gives_the_bytes_of_the_archive(folder: Path, pickled: Callable[[dict], bytes] | None) -> None:
    files = cifar_files() if pickled is None else python_version(pickled)
    expected = prepared(files)
    for name, content in files.items():
        (folder / "数据" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "数据" / name).write_bytes(content)
    for archive in (folder / "数据", (folder / "数据" / next(iter(files))).parent):
        fetch(FetchParameters(source="sample", archive=str(archive)), RAW)
        prepare_cifar10(SplitParameters(seed=0, validation=0.25), "tasks.cifar10", RAW, OUT)
        assert {path.name: path.read_bytes() for path in OUT.iterdir()} == expected


def test_a_zip_of_the_python_version_gives_them_too(folder: Path) -> None:
    expected = prepared(cifar_files())
    (RAW / "cifar.tar.gz").unlink()
    write_zip(RAW / "cifar.zip", python_version(python_2))
    prepare_cifar10(SplitParameters(seed=0, validation=0.25), "tasks.cifar10", RAW, OUT)
    assert {path.name: path.read_bytes() for path in OUT.iterdir()} == expected


def test_the_sample_of_cifar100_has_a_hundred_classes(folder: Path) -> None:
    for name, content in load_dataset("cifar100").draw_sample().items():
        RAW.mkdir(exist_ok=True)
        (RAW / name).write_bytes(content)
    prepare_cifar10(SplitParameters(seed=0, validation=0.1), "tasks.cifar100", RAW, OUT)
    labels = [np.load(OUT / f"{split}_labels.npy") for split in ("train", "validation", "test")]
    assert [len(one) for one in labels] == [1440, 160, 400]
    assert all(set(one.tolist()) == set(range(100)) for one in labels)


def test_two_forms_in_one_archive_are_refused(folder: Path) -> None:
    both = cifar_files() | python_version(python_2)
    with pytest.raises(UserError, match="holds CIFAR-10's binary version and CIFAR-10's python version; keep one"):
        prepared(both)
    twice = python_version(python_2)
    with pytest.raises(UserError, match="test_batch is there twice, as cifar-10-batches-py/test_batch and copy/test"):
        prepared(twice | {"copy/test_batch": twice["cifar-10-batches-py/test_batch"]})
    with pytest.raises(UserError, match="has none of CIFAR's files"):
        prepared({"readme.txt": b"x"})


def test_real_files_are_far_from_the_limits() -> None:
    """A file of CIFAR-100, the largest, by its counts: of labels, coarse labels and names."""
    content = python_2({"labels": [1] * 50_000, "coarse_labels": [1] * 50_000, "filenames": ["a name.png"] * 50_000})
    assert 5 * sum(1 for _ in pickletools.genops(content)) < batch_pickles.MOST_INSTRUCTIONS


def corrupted(**changes) -> dict[str, bytes]:
    """The python version with other content in its test batch."""
    labels, images = records(cifar_files()["cifar-10-batches-bin/test_batch.bin"], 1)
    batch = {"labels": labels.tolist(), "data": images, **changes}
    return python_version(python_2) | {"cifar-10-batches-py/test_batch": pickle.dumps(batch, 2)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [7] * 10}, "record 0 has label 7, but there are 2 classes"),
        ({"labels": [-1] * 10}, "has no list labels of numbers from 0 to 255"),
        ({"labels": [True] * 10}, "has no list labels of numbers"),
        ({"labels": None}, "has no list labels"),
        ({"labels": [0] * 9}, "has no array data of 9 × 3072 bytes"),
        ({"labels": [], "data": np.zeros((0, 3072), np.uint8)}, "is no file of CIFAR's python version"),
        ({"data": np.zeros((10, 3072), np.float32)}, "is no file of CIFAR's python version .*array of 'f4'"),
        ({"data": np.zeros((10, 32, 32, 3), np.uint8)}, "has no array data of 10"),
        ({"data": np.array([{}] * 10)}, "is no file of CIFAR's python version"),
        ({"labels": [0] * 10}, "class dog has no image in the test batch"),
    ],
)
def test_wrong_content_is_one_line(folder: Path, changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepared(corrupted(**changes))
    assert not OUT.exists()


def calls(function: str, *arguments: bytes) -> bytes:
    """A pickle that calls a function, named as in a pickle, with arguments that are instructions."""
    return b"\x80\x02c" + function.encode() + b"\n(" + b"".join(arguments) + b"tR."


TOUCH = b"U\x0etouch executed"
HOSTILE = {
    "a command": calls("os\nsystem", TOUCH),
    "a command by its posix name": calls("posix\nsystem", TOUCH),
    "eval": calls("builtins\neval", b"U\x1aopen('executed','w').write"),
    "eval of python 2": calls("__builtin__\neval", b"U\x1aopen('executed','w').write"),
    "exec": calls("builtins\nexec", b"U\x15open('executed', 'w')"),
    "getattr": calls("builtins\ngetattr", b"cnumpy\nndarray\n", b"U\x07__new__"),
    "an attribute of an allowed function": calls("_codecs\nencode.__class__", TOUCH),
    "an allowed name of another module": calls("codecs\nencode", TOUCH),
    "a function of an allowed module": calls("_codecs\nlookup", b"U\x06latin1"),
    "numpy's loader": calls("numpy\nload", b"U\x08file.npy"),
    "subprocess in protocol 4": pickle.dumps(print, 4)[:-1] + b"\x8c\x08executed\x85R.",
    "a module from the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x0etouch executed\x85R.",
    "an instance": b"(ios\nsystem\n.",
    "an object": b"(cos\nsystem\nU\x0etouch executedo.",
    "an array that makes itself": calls("numpy\nndarray", b"(J\xff\xff\xff\x7ft"),
    "a huge array": calls(
        "numpy.core.multiarray\n_reconstruct", b"cnumpy\nndarray\n", b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7ft", b"U\x01b"
    ),
    "a huge state": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(J\xff\xff\xff\x7ftcnumpy"
        b"\ndtype\n(U\x02u1K\x00K\x01tR\x89U\x01xtb."
    ),
    "negative sides": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(J\xff\xff\xff\xff"
        b"J\xff\xff\xff\xfftcnumpy\ndtype\n(U\x02u1K\x00K\x01tR\x89U\x01xtb."
    ),
    "objects in an array": calls("numpy\ndtype", b"U\x02O8", b"K\x00", b"K\x01"),
    "a type of types": calls("numpy\ndtype", b"(U\x01aU\x02u1t"),
    "another encoding": calls("_codecs\nencode", b"X\x01\x00\x00\x00a", b"U\x03zip"),
    "encoding no text": calls("_codecs\nencode", b"K\x07", b"U\x06latin1"),
    "too many arguments": calls("_codecs\nencode", b"K\x07" * 9),
    "a changed function": b"\x80\x02c_codecs\nencode\n}U\x0c__defaults__U\x03zips\x86b.",
    "a changed function by its slots": b"\x80\x02c_codecs\nencode\nN}U\x0c__defaults__U\x03zips\x86b.",
    "a result that is a function": b"\x80\x02}U\x06labelscnumpy\nndarray\ns.",
    "a deep list": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "deep tuples as a key": b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"K\x01s.",
    "a place in memory far away": b"\x80\x02}r\xff\xff\xff\xff.",
    "a place in memory as a text": b"}p4294967295\n.",
    "a negative place in memory": b"}p-1\n.",
    "a huge string": b"\x80\x02T\xff\xff\xff\x7fx.",
    "a string longer than memory": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fx.",
    "a negative length": b"\x80\x02T\xff\xff\xff\xffx.",
    "a long number": b"I" + b"9" * 10_000 + b"\n.",
    "endless calls": b"\x80\x02" + b"c_codecs\nencode\n0" * 10_000 + b"N.",
    "endless instructions": b"\x80\x02" + b"N0" * 2_000_000 + b"N.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent object": b"Pfile\n.",
    "a buffer from outside": b"\x80\x05\x97.",
    "no dictionary": b"\x80\x02]K\x01a.",
    "a list as a key": b"\x80\x02}]K\x01s.",
    "a number as a key": b"\x80\x02}K\x01K\x01s.",
    "an empty stack": b"\x80\x02R.",
    "no end": b"\x80\x02}",
    "text": b"<html>not found</html>",
    "nothing": b"",
    "a future protocol": b"\x80\xff}.",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_pickles_do_nothing(folder: Path, content: bytes) -> None:
    defaults = batch_pickles._encode.__defaults__
    with pytest.raises(UserError, match="test_batch: (is no file of CIFAR|has no list labels)") as error:
        prepared(python_version(python_2) | {"cifar-10-batches-py/test_batch": content})
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert not Path("executed").exists() and not OUT.exists()
    assert batch_pickles._encode.__defaults__ is defaults


@pytest.mark.skipif(os.name == "nt", reason="touch is a program of Unix")
def test_the_pickles_that_these_tests_make_are_hostile(folder: Path) -> None:
    """What is refused above would do harm elsewhere."""
    pickle.loads(HOSTILE["a command"])
    assert Path("executed").exists()
    Path("executed").unlink()
    pickle.Unpickler(io.BytesIO(HOSTILE["a module from the stack"])).load()
    assert Path("executed").exists()
