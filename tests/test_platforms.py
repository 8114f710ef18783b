"""Everything runs on Windows and macOS too, as far as Linux can tell: `windows_like/sitecustomize.py` says how far."""

import ast
import errno
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import (
    ROOT,
    cifar_files,
    copy_project,
    jpeg_bytes,
    make_tiny,
    noise,
    png_bytes,
    posix,
    run,
    scene_files,
    write_tar,
    write_zip,
)  # fmt: skip

from darkroom.archives.member import Member
from darkroom.commands.masks import convert_masks
from darkroom.common import platform
from darkroom.common.environment import PYTORCH
from darkroom.common.errors import UserError, run_command
from darkroom.common.files import in_order, remove, replacing
from darkroom.sources.download import file_name

LIKE_WINDOWS = ROOT / "tests" / "windows_like"
SOURCES = [path for folder in ("darkroom", "stages") for path in sorted((ROOT / folder).rglob("*.py"))]
linux = pytest.mark.skipif(sys.platform != "linux", reason="Windows is emulated on Linux")

TRAIN = {
    "epochs": 1, "batch_size": 8, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01, "warmup_epochs": 0.5,
    "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.1, "bits": "machine", "precision": "fp32", "keep": "best",
    "workers": 1,
}  # fmt: skip
NETWORK = {"name": "fast_cnn", "widths": [8, 8, 8]}
AUGMENT = {"flip": "random", "crop": 2, "cutout": 4}
TASKS = {
    "classes": {
        "prepare": "split_cifar10", "archive": "classes.tar.gz", "validation": 0.25, "model": NETWORK,
        "augment": AUGMENT, "train": {}, "evaluate": {"tta": "none"},
    },
    "photos": {
        "prepare": "pack_image_folder", "archive": "照片.zip", "validation": 0.2, "test": 0.2, "image_size": 16,
        "model": NETWORK, "augment": AUGMENT, "train": {}, "evaluate": {"tta": "none"},
    },
    "scenes": {
        "prepare": "convert_masks", "archive": "scenes.zip", "validation": 0.2, "test": 0.2,
        "annotations": {"skip_bad": True}, "model": {"name": "unet", "encoder_depth": 3},
        "augment": {"crop": 32, "transforms": [{"HorizontalFlip": {"p": 0.5}}]}, "train": {"batch_size": 4},
    },
    "spirals": {
        "prepare": "split_points", "dataset": "spirals", "validation": 0.2, "test": 0.3,
        "model": {"name": "mlp", "widths": [8]}, "train": {"batch_size": 100},
    },
    "curve": {
        "prepare": "split_curve", "dataset": "curve", "validation": 0.2, "test": 0.3,
        "model": {"name": "mlp", "widths": [8]}, "train": {"batch_size": 100, "loss": {"squared_error": 1.0}},
    },
}  # fmt: skip
STAGES = ("stages.fetch", "stages.{prepare}", "stages.train", "stages.evaluate", "stages.audit", "stages.plot")
COMMANDS = [
    ("stages.configure",),
    *((stage.format(prepare=task["prepare"]), name) for name, task in TASKS.items()
      for stage in STAGES
      if (stage, name) != ("stages.plot", "classes")),  # it takes long, and photos have the same figures
    ("darkroom", "masks", "scenes.zip", "masks", "--skip-bad"),
    ("darkroom", "predict", "--task", "scenes", "some images", "--out", "predicted"),
    ("darkroom", "predict", "--task", "photos", "some images/*.png"),
    ("darkroom", "compare", "workspace", "workspace", "--task", "classes", "--out", "changes"),
    ("darkroom", "ensemble", "workspace", "workspace", "--task", "photos", "--out", "together"),
    ("darkroom", "plots-page"),
]  # fmt: skip
# Stages again, over what they wrote before and what DVC linked read-only.
AGAIN = [("stages.split_cifar10", "classes"), ("stages.train", "classes"), ("stages.plot", "curve")]


def make_project(folder: Path) -> Path:
    """Archives and parameters of tiny tasks. Names that Linux and Windows sort differently are among the images."""
    project = folder / "一个 项目"
    write_tar(project / "classes.tar.gz", cifar_files())
    photos = {f"{name}/{'aB'[n % 2]}{n}.jpg": jpeg_bytes(noise(20, 24, n)) for name in ("猫", "狗") for n in range(10)}
    write_zip(project / "照片.zip", photos)
    write_zip(project / "scenes.zip", scene_files(20) | {"scenes/bad.jpg": b"no image", "scenes/bad.json": "{"})
    for name in ("b", "A", "ü"):
        picture = project / "some images" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        picture.write_bytes(png_bytes(noise(40, 36, len(name))))
    params = {"seed": 0, "source": "sample", "launcher": "python", "train": TRAIN, "tasks": TASKS}
    (project / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def run_modules(project: Path, commands: list[tuple[str, ...]], **environment: str) -> str:
    """Run modules as `python -m` does, one after the other in one process, which imports libraries once."""
    program = f"""if True:
        import runpy, sys
        for module, *arguments in {commands}:
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=os.environ | PYTORCH | environment, capture_output=True
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout.decode(environment.get("PYTHONIOENCODING", "utf-8"))


def windows_like(log: Path) -> dict[str, str]:
    """The environment of processes that are refused what Windows refuses; what reaches them is in `log`."""
    return {
        "PYTHONPATH": os.pathsep.join([str(LIKE_WINDOWS), str(ROOT)]), "WINDOWS_LIKE_LOG": str(log),
        "PYTHONIOENCODING": "cp1252",
    }  # fmt: skip


def contents(project: Path) -> dict[str, bytes]:
    """What the stages and commands wrote, by path, but for what differs between equal runs."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.name != "costs.json"
    }


@linux
def test_all_stages_and_commands_give_the_same_bytes_on_what_is_like_windows(tmp_path: Path) -> None:
    plain, log = make_project(tmp_path / "linux"), tmp_path / "log"
    other = shutil.copytree(plain, tmp_path / "windows" / plain.name)
    run_modules(plain, COMMANDS, PYTHONPATH=str(ROOT))
    printed = run_modules(other, COMMANDS, **windows_like(log))
    assert r"\u732b" in printed, "a class name that the encoding of the output lacks"
    expected, found = contents(plain), contents(other)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
    for name in (
        "models/scenes/model.safetensors",
        "metrics/curve/test.json",
        "reports/photos.html",
        "masks/masks/s1.png",
    ):
        assert name in found
    assert any("spawn_main" in line for line in log.read_text().splitlines()), "it reaches worker processes"

    for path in (other / "data/prepared/classes").iterdir():
        path.chmod(0o444)
    (other / "models/classes/model.safetensors").chmod(0o444)
    run_modules(other, AGAIN, **windows_like(log))
    assert contents(other) == found


@linux
@pytest.mark.slow
def test_dvc_runs_a_task_on_what_is_like_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = copy_project(tmp_path / "a project")
    make_tiny(project, ["curve"])
    for name, value in windows_like(tmp_path / "log").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(LIKE_WINDOWS))
    done = run(project, "dvc", "repro")
    assert done.returncode == 0, done.stdout + done.stderr
    reached = (tmp_path / "log").read_text()
    for stage in ("configure", "fetch curve", "split_curve curve", "train curve", "evaluate curve", "plot curve"):
        assert f"-m stages.{stage}\n" in reached


@linux
@pytest.mark.slow
def test_tests_are_collected_on_what_is_like_windows(tmp_path: Path) -> None:
    environment = os.environ | windows_like(tmp_path / "log") | {"PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-3000:]


TRY = """if True:
    import multiprocessing, os, pathlib, shutil, subprocess, sys, tempfile
    import numpy as np

    ours = {"__name__": "darkroom.tried", "__builtins__": __builtins__}
    def refused(*errors, code):
        try:
            exec(code, dict(ours))
        except errors:
            return
        raise AssertionError(f"nothing refuses {code}")

    for module in ("resource", "pty", "termios", "fcntl"):
        refused(ModuleNotFoundError, code=f"import {module}")
        __import__(module)  # for others it is there
    for name in ("fork", "pread", "mkfifo", "killpg", "sched_getaffinity"):
        refused(AttributeError, code=f"import os; os.{name}")
        refused(ImportError, code=f"from os import {name}")
    refused(AttributeError, code="import signal; signal.SIGKILL")
    refused(OSError, code="import os; os.symlink('a', 'b')")
    refused(OSError, code="from pathlib import Path; Path('a').symlink_to('b')")
    refused(TypeError, code="import ctypes; ctypes.CDLL(None)")
    refused(ValueError, code="from concurrent.futures import ProcessPoolExecutor; ProcessPoolExecutor(62)")
    refused(OSError, code="open('a:b', 'w')")
    assert multiprocessing.get_start_method() == "spawn"

    def write(name, content="x"):
        path = pathlib.Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return path

    inside, other = write("folder/file"), write("other")
    with inside.open():
        for call in ("os.rename('folder/file', 'new')", "os.replace('other', 'folder/file')",
                     "os.remove('folder/file')", "os.replace('folder', 'new')", "shutil.rmtree('folder')"):
            refused(PermissionError, code="import os, shutil; " + call)
    np.save("folder/array.npy", np.zeros(9))
    mapped = np.load("folder/array.npy", mmap_mode="r")
    refused(PermissionError, code="import os; os.replace('folder', 'new')")
    del mapped
    reader = subprocess.Popen([sys.executable, "-c", "f = open('folder/file'); print(flush=True); input()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader.stdout.readline()
    refused(PermissionError, code="import os; os.replace('folder', 'new')")
    reader.communicate(b"\\n")
    os.replace("folder", "new")
    refused(FileExistsError, code="import os; os.rename('other', 'new/file')")
    other.chmod(0o444)
    refused(PermissionError, code="import os; os.remove('other')")
    refused(PermissionError, code="import os; os.replace('new/file', 'other')")
    write("text", "猫\\n")
    assert pathlib.Path("text").read_bytes() == "猫\\r\\n".encode("cp936")
    assert sorted(map(pathlib.Path, "bA")) == [pathlib.Path("A"), pathlib.Path("b")]
    assert sorted(map(pathlib.Path, "Ba")) == [pathlib.Path("a"), pathlib.Path("B")]
"""


@linux
def test_the_emulation_refuses_what_windows_refuses(tmp_path: Path) -> None:
    environment = os.environ | windows_like(tmp_path / "log")
    done = subprocess.run([sys.executable, "-c", TRY], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@linux
def test_files_are_replaced_that_are_read_only_and_kept_that_are_open(tmp_path: Path) -> None:
    program = """if True:
        from pathlib import Path
        import darkroom.common.platform
        from darkroom.common.files import remove, replacing

        darkroom.common.platform.PAUSES = (0, 0)
        for path in (Path("file"), Path("folder/file")):
            path.parent.mkdir(exist_ok=True)
            path.write_text("old")
            path.chmod(0o444)
        with replacing(Path("file")) as temporary:
            temporary.write_text("new")
        with replacing(Path("folder")) as temporary:
            temporary.mkdir()
            (temporary / "other").write_text("new")
        assert Path("file").read_text() == "new" and [path.name for path in Path("folder").iterdir()] == ["other"]
        try:
            with replacing(Path("file")) as temporary:
                left_open = temporary.open("w")
                raise ValueError("the block's own")
        except ValueError:
            assert Path("file").read_text() == "new"
        left_open.close()
        with replacing(Path("file")) as temporary:
            assert not temporary.exists(), "the next run deletes it"
            temporary.write_text("newer")
        Path("folder/other").chmod(0o444)
        remove(Path("folder"))
        remove(Path("folder"))
        print(*sorted(path.name for path in Path().iterdir()))
    """
    environment = os.environ | windows_like(tmp_path / "log")
    folder = tmp_path / "here"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "file\n"), done.stderr


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The branches for Windows are taken."""
    monkeypatch.setattr(platform, "IS_WINDOWS", True)
    monkeypatch.setattr(platform, "PAUSES", (0, 0, 0))
    return monkeypatch


def test_a_rename_waits_for_programs_that_hold_the_file_open(tmp_path: Path, windows: pytest.MonkeyPatch) -> None:
    real, tries = Path.replace, iter([PermissionError, PermissionError, None, *[PermissionError] * 9])

    def replace(path: Path, target: Path) -> Path:
        if error := next(tries):
            raise error(errno.EACCES, "used by another process", str(path))
        return real(path, target)

    windows.setattr(Path, "replace", replace)
    with replacing(tmp_path / "file") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "file").read_text() == "x"
    with pytest.raises(PermissionError), replacing(tmp_path / "file") as temporary:
        temporary.write_text("y")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]


@posix
def test_read_only_files_keep_their_mode_where_it_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, cached = tmp_path / "link", tmp_path / "cached"
    cached.write_text("x")
    cached.chmod(0o444)
    os.link(cached, link)
    monkeypatch.setattr(platform, "IS_WINDOWS", False)
    remove(link)
    assert not link.exists() and not cached.stat().st_mode & 0o200


def test_a_pool_has_as_many_workers_as_windows_can_wait_for(windows: pytest.MonkeyPatch) -> None:
    windows.delattr(os, "sched_getaffinity", raising=False)
    windows.setattr(os, "cpu_count", lambda: 128)
    assert (platform.cores(), platform.pool_size()) == (128, 61)
    windows.setattr(platform, "IS_WINDOWS", False)
    assert platform.pool_size() == 128


def test_memory_without_the_module_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil  # noqa: F401 - on Linux it imports the module itself

    known = platform.peak_memory()
    monkeypatch.setitem(sys.modules, "resource", None)
    assert 0 < platform.peak_memory() <= 1.1 * known < 2**40


def test_names_that_windows_has_for_no_file(tmp_path: Path, windows: pytest.MonkeyPatch) -> None:
    for name in ("a:b.png", "what?.png", "con", "NUL.txt", "lpt1.png", "ends.", "ends ", 'a"b', "a\tb"):
        assert not platform.can_name_file(name), name
    for name in ("a.png", "console.png", "com.png", "com10.png", "猫 (1).png", ".hidden", "a..b"):
        assert platform.can_name_file(name), name
    with pytest.raises(UserError, match=r"Windows can have no file called 'a:b.zip'"):
        file_name("https://127.0.0.1/a:b.zip")
    windows.setattr(platform, "IS_WINDOWS", False)
    assert platform.can_name_file("a:b.png")


def test_masks_that_could_not_be_written_are_refused(tmp_path: Path, windows: pytest.MonkeyPatch) -> None:
    """A colon in a name would send the mask into a hidden part of another file."""
    files = {name.replace("s1.", "s:1."): content for name, content in scene_files(4).items()}
    files["scenes/s:1.json"] = files["scenes/s:1.json"].replace("s1.jpg", "s:1.jpg")
    archive = write_zip(tmp_path / "scenes.zip", files)
    with pytest.raises(UserError, match=r"scenes/s:1.json: Windows can have no file called s:1.png"):
        convert_masks(archive, tmp_path / "out", {})
    convert_masks(archive, tmp_path / "out", {"skip_bad": True})
    assert sorted(path.name for path in (tmp_path / "out/masks").iterdir()) == ["s0.png", "s2.png", "s3.png"]


def test_what_windows_says_differently(tmp_path: Path, windows: pytest.MonkeyPatch) -> None:
    full = OSError(errno.EINVAL, "no space")
    full.winerror = 39
    assert platform.is_disk_full(full) and platform.is_disk_full(OSError(errno.ENOSPC, "full"))
    assert not platform.is_disk_full(OSError(errno.EINVAL, "other"))
    assert platform.is_closed_pipe(OSError(errno.EINVAL, "Invalid argument"))
    assert not platform.is_closed_pipe(OSError(errno.EINVAL, "Invalid argument", "a file"))
    assert platform.quote(["a b", "c"]) == '"a b" c' and "Scripts" in platform.activation()
    windows.setattr(platform, "IS_WINDOWS", False)
    assert not platform.is_closed_pipe(OSError(errno.EINVAL, "Invalid argument"))
    assert platform.quote(["a b", "c"]) == "'a b' c"
    windows.delattr(errno, "EDQUOT", raising=False)
    assert platform.is_disk_full(OSError(errno.ENOSPC, "full"))


def test_a_path_too_long_is_one_line(
    tmp_path: Path, windows: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> None:
        raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified", str(tmp_path / name))

    with pytest.raises(SystemExit):
        run_command(lambda: fail("x" * 250))
    [line] = capsys.readouterr().err.splitlines()
    assert "characters" in line and "LongPathsEnabled" in line
    with pytest.raises(FileNotFoundError):
        run_command(lambda: fail("x"))


@pytest.mark.parametrize("encoding", ["cp936", "cp1252", "ascii"])
def test_every_character_can_be_printed(encoding: str) -> None:
    program = "from darkroom.common.errors import run_command; run_command(lambda: print('3 × 4 … 猫 ü'))"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).startswith("3 ")
    assert ("猫" in done.stdout.decode(encoding)) == (encoding == "cp936")


def test_paths_are_in_the_same_order_everywhere() -> None:
    names = ["b", "A/x", "a/b", "a-b/c", "B"]
    assert [path.as_posix() for path in in_order(map(Path, names))] == ["A/x", "B", "a/b", "a-b/c", "b"]


def test_a_member_is_read_in_as_many_parts_as_it_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class InParts(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            return super().read(min(size, 3))

    (tmp_path / "data").write_bytes(bytes(range(20)))
    monkeypatch.setattr(io, "FileIO", InParts)
    member = Member("archive", "name", str(tmp_path / "data"), 5, 10)
    assert member.read() == bytes(range(5, 15))
    with pytest.raises(UserError, match="cut short"):
        member._replace(size=16).read()


# --- What stands in one module alone -------------------------------------------------------------------------------

BOUND_MODULES = {
    "resource", "pty", "tty", "termios", "fcntl", "pwd", "grp", "posix", "nt", "msvcrt", "winreg", "winsound", "ctypes",
    "mmap",
}  # fmt: skip
BOUND = re.compile(
    r"os\.(name|fork\w*|p(read|write)v?|symlink|readlink|link|mkfifo|mknod|get(e?[ug]id|pgrp|pgid|sid|loadavg)"
    r"|set(sid|pg\w+|uid|gid)|killpg?|l?chown|chmod|nice|uname|statvfs|sysconf|sched_\w+|wait\w*|open|dup2?|pipe2?"
    r"|startfile|O_\w+|posix\w+|spawn\w+|exec\w+|sendfile)"
    r"|sys\.(platform|getwindowsversion|winver)"
    r"|platform\.(system|platform|uname|win32\w*|mac_ver|libc_ver|freedesktop\w+)"
    r"|signal\.(SIG(KILL|STOP|CONT|HUP|ALRM|USR\d|CHLD|PIPE|QUIT|TSTP)|alarm|pause|setitimer)"
    r"|multiprocessing\.set_start_method|errno\.EDQUOT|time\.tzset|shlex\.join"
)
BOUND_METHODS = {"symlink_to", "hardlink_to", "owner", "group", "lchmod", "chmod"}
BOUND_FOLDERS = re.compile(r"(?<![\w./])/(proc|dev|tmp|usr|bin|home)\b")
BOUND_ARGUMENTS = {"preexec_fn", "shell", "start_new_session", "creationflags"}


def platform_bound(text: str) -> Iterator[str]:
    """Yield what in a module's code is not the same on all systems."""
    tree = ast.parse(text)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from (name for name in names if name.partition(".")[0] in BOUND_MODULES)
        elif isinstance(node, ast.ImportFrom):
            names, is_bound = [f"{node.module}.{alias.name}" for alias in node.names], node.module in BOUND_MODULES
            yield from (name for name in names if is_bound or BOUND.fullmatch(name))
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            if BOUND.fullmatch(name) or (node.attr in BOUND_METHODS and not name.startswith("os.")):
                yield name
        elif isinstance(node, ast.keyword) and node.arg in BOUND_ARGUMENTS:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from (found[0] for found in BOUND_FOLDERS.finditer(node.value))


def test_the_check_finds_what_is_bound_to_a_platform() -> None:
    for line in (
        "import resource", "import ctypes.util", "from os import fork", "from pty import openpty", "os.pread(0, 1, 2)",
        "sys.platform == 'win32'", "if os.name == 'nt': pass", "platform.system()", "signal.SIGKILL", "os.fork()",
        "import ctypes; ctypes.CDLL(None)", "open('/dev/null')", "path = f'/tmp/{name}'", "Path('a').symlink_to('b')",
        "subprocess.run(command, shell=True)", "from signal import SIGSTOP", "errno.EDQUOT",
    ):  # fmt: skip
        assert list(platform_bound(line)), line
    assert not list(
        platform_bound('"""Reads /proc."""\nimport os\nos.environ["A"]\nprint("a/dev/b", platform.machine())')
    )


def test_one_module_knows_the_platform() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {what}"
        for path in SOURCES
        if path != Path(platform.__file__) and path.parent.name != "doctor"  # which says what a machine is like
        for what in platform_bound(path.read_text(encoding="utf-8"))
    }
    assert found == set()


WRITERS = {"json.dump", "pickle.dump", "yaml.dump", "yaml.safe_dump", "np.savetxt"}
TO_FILES = {"to_csv", "to_json", "to_html", "to_markdown", "to_string", "to_latex", "tofile"}
OPENERS = {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile", "TextIOWrapper"}
NO_TEXT = {"tarfile.open", "Image.open", "os.open", "packed.open"}
MODE = re.compile("[rwaxbt+]+")


def text_files(text: str) -> Iterator[str]:
    """Yield the calls in a module that write text, read it in the system's encoding, or read a program's output so."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _is_about_text(node):
            yield ast.unparse(node)


def _is_about_text(call: ast.Call) -> bool:
    name, given = ast.unparse(call.func), {keyword.arg: keyword.value for keyword in call.keywords}
    last = name.rpartition(".")[2]
    if last in OPENERS:
        place = 0 if (name.endswith(".open") and name != "io.open") or last.endswith("TemporaryFile") else 1
        default = ast.Constant("w+b" if last.endswith("TemporaryFile") else "r")
        mode = given.get("mode", call.args[place] if len(call.args) > place else default)
        if isinstance(mode, ast.Constant) and MODE.fullmatch(mode.value):
            is_text = "b" not in mode.value and ("encoding" not in given or set(mode.value) & set("wax+"))
        else:
            is_text = len(call.args) == 1  # a mode that is not known; with two, a file of an archive
        return is_text and name not in NO_TEXT
    if last == "read_text":
        return "encoding" not in given
    if last in TO_FILES:
        return bool(call.args) or not given.keys().isdisjoint({"buf", "path_or_buf"})
    if name in WRITERS:
        return len(call.args) > 1 or not given.keys().isdisjoint({"fp", "file", "stream"})
    if "text" in given or "universal_newlines" in given:
        return given.keys().isdisjoint({"encoding", "errors"})
    return last == "write_text" and name != "write_text"


def test_the_check_finds_text_files() -> None:
    for line in (
        "path.write_text(text, encoding='utf-8', newline='')", "open(path, 'w', newline='', encoding='utf-8')",
        "path.open('w', encoding='utf-8', newline='')", "path.open(mode='a', encoding='utf-8')", "open(path)",
        "path.open()", "path.open(mode)", "path.read_text()", "table.to_csv(path, lineterminator='')",
        "json.dump(content, file)", "yaml.safe_dump(a, file)", "subprocess.run(command, text=True)",
        "os.fdopen(number, 'w')", "tempfile.NamedTemporaryFile('w')",
    ):  # fmt: skip
        assert list(text_files(line)), line
    for line in (
        "write_text(path, text)", "path.open('rb')", "open(path, 'wb')", "path.read_text(encoding='utf-8')",
        "table.to_csv(index=False)", "Image.open(file)", "json.dumps(a)", "archive.open('name', 'w')",
        "subprocess.run(command, text=True, errors='replace')", "path.open('r', encoding='utf-8')",
    ):  # fmt: skip
        assert not list(text_files(line)), line


def test_text_is_written_by_one_function_with_the_same_line_ends_everywhere() -> None:
    files = [*SOURCES, *sorted((ROOT / "bench").glob("*.py")), ROOT / "docs" / "generate_reference.py"]
    found = {
        f"{path.relative_to(ROOT)}: {call}"
        for path in files
        for call in text_files(path.read_text(encoding="utf-8"))
        if not (path.parts[-2:] == ("common", "files.py") and call.startswith("path.write_text(text, "))
    }
    assert found == set()


def test_dvc_may_copy_where_it_cannot_link() -> None:
    config = (ROOT / ".dvc" / "config").read_text(encoding="utf-8")
    assert re.search(r'type = "hardlink,.*copy"', config)


def test_a_package_for_memory_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert any(requirement.startswith("psutil") for requirement in declared)
