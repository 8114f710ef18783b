import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

from darkroom.common import progress as progress_module
from darkroom.common.errors import UserError
from darkroom.common.files import read_json, replacing, write_json
from darkroom.common.parallel import on_all_cores
from darkroom.common.progress import progress
from darkroom.common.randomness import seed_for


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_fails_half_way_leaves_what_stood_there(folder: Path, is_folder: bool) -> None:
    def write(path: Path, text: str) -> None:
        if is_folder:
            path.mkdir()
            path /= "file"
        path.write_text(text)

    target = folder / "deep" / "target"
    with replacing(target) as temporary:
        write(temporary, "whole")
    with pytest.raises(ValueError, match="half"), replacing(target) as temporary:
        write(temporary, "half")
        raise ValueError("half way")
    assert (target / "file" if is_folder else target).read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    with replacing(target) as temporary:
        write(temporary, "new")
    assert (target / "file" if is_folder else target).read_text() == "new"


def test_json_that_is_missing_or_broken_is_one_line(folder: Path) -> None:
    with pytest.raises(UserError, match="no such file; `dvc repro` makes it"):
        read_json(Path("a.json"))
    Path("a.json").write_text("{")
    with pytest.raises(UserError, match="not JSON"):
        read_json(Path("a.json"))
    write_json(Path("a.json"), {"name": "Käse", "b": 1})
    assert read_json(Path("a.json")) == {"name": "Käse", "b": 1}


def test_seeds_are_the_same_everywhere_and_differ_by_key() -> None:
    assert seed_for(0, "order", 1) == 2002067703672271585
    assert len({seed_for(0, "order", 1), seed_for(0, "order", 2), seed_for(1, "order", 1), seed_for(0, "flip", 1)}) == 4
    assert all(0 <= seed_for(number) < 2**63 for number in range(100))


def double(numbers: list[int]) -> list[int]:
    if 13 in numbers:
        raise UserError("13 is bad luck")
    return [2 * number for number in numbers]


@pytest.mark.processes
def test_work_on_all_cores_keeps_the_order_and_raises_what_was_raised() -> None:
    assert list(on_all_cores(double, list(range(10)), "doubling", chunk=3)) == list(range(0, 20, 2))
    with pytest.raises(UserError, match="bad luck"):
        list(on_all_cores(double, list(range(20)), "doubling", chunk=3))


def die(numbers: list[int]) -> list[int]:
    if numbers:
        os._exit(9)  # as a process that is killed, it says nothing and cleans nothing up
    return []


@pytest.mark.processes
def test_a_killed_worker_is_one_line() -> None:
    with pytest.raises(UserError, match="counting: a worker process was killed, usually because memory ran out"):
        list(on_all_cores(die, [1], "counting", chunk=1))


HELD = threading.Lock()


def try_lock(numbers: list[int]) -> list[bool]:
    return [HELD.acquire(timeout=5) for _ in numbers]


@pytest.mark.processes
def test_workers_are_not_stopped_by_locks_that_a_thread_holds() -> None:
    with HELD:
        assert list(on_all_cores(try_lock, [0], "locking", chunk=1)) == [True]


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "SECONDS_BETWEEN_LINES", 0)
    bar = progress(10, "reading")
    bar.update(0)
    assert capsys.readouterr().err.startswith("reading: 0 of 10, 0 image/s"), "slow work has begun"
    bar.update(4)
    bar.close()
    printed = capsys.readouterr().err
    assert printed.startswith("reading: 4 of 10, ") and "s left" in printed
    progress(10, "training", lines=False).update(4)
    assert capsys.readouterr().err == ""


def test_a_bar_with_the_time_left_on_a_terminal() -> None:
    code = "from darkroom.common.progress import progress; b = progress(5, 'reading'); b.update(3); b.refresh()"
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=theirs, check=True)
    os.write(theirs, b"end")
    printed = os.read(ours, 10_000).decode()
    assert "reading:  60%" in printed and "3/5" in printed
    assert re.search(r"\d\d:\d\d<\d\d:\d\d", printed), "time gone and time left"
    os.close(ours)
    os.close(theirs)
