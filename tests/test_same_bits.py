"""The same bits on every x86-64 processor: the limits set on libraries, and a training with a pinned hash."""

import hashlib
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from conftest import ROOT, cifar_files, run, scene_files, write_tar, write_zip
from small_runs import CPU, NARROW, classification, prepare_classes, trained

from darkroom.common.environment import LIBRARIES, PYTORCH, limit_pytorch
from darkroom.device.numerics import LOCKED_HASH, LOCKED_VERSION, find_bits_mismatch, hash_numerics
from darkroom.device.precision import choose_device, choose_precision

# Hash of the models, metrics and predictions of `TASKS`. It changes with the training code and the pinned packages.
PINNED = "7b603ecdcd30ed4a"
LIMITS = {*LIBRARIES, *PYTORCH, "ATEN_CPU_CAPABILITY"}  # environment variables that limit the libraries
TRAIN = {
    "epochs": 2, "batch_size": 8, "optimizer": "adamw", "lr": 0.01, "weight_decay": 0.01,
    "warmup_epochs": 0.5, "loss": {"cross_entropy": 1.0}, "label_smoothing": 0.1, "bits": "everywhere",
    "precision": "auto", "keep": "best", "workers": 1,
}  # fmt: skip
TASKS = {
    "classes": {
        "prepare": "split_cifar10", "archive": "classes.tar.gz", "validation": 0.25,
        "model": {"name": "fast_cnn", "widths": [16, 24, 32]}, "augment": {"flip": "random", "crop": 2, "cutout": 8},
        "train": {"optimizer": "muon"}, "evaluate": {"tta": "flip"},
    },
    "scenes": {
        "prepare": "convert_masks", "archive": "scenes.zip", "validation": 0.2, "test": 0.2, "annotations": {},
        "model": {"name": "unet", "encoder_depth": 3},
        "augment": {
            "crop": 32, "copy_paste": 0.5,
            "transforms": [{"RandomScale": {"scale_limit": 0.3}}, {"RandomBrightnessContrast": {"p": 0.5}}],
        },
        "train": {"batch_size": 4, "loss": {"cross_entropy": 1.0, "dice": 1.0}},
    },
    "curve": {
        "prepare": "split_curve", "dataset": "curve", "validation": 0.2, "test": 0.3,
        "model": {"name": "mlp", "widths": [64, 64], "activation": "tanh"}, "train": {"loss": {"squared_error": 1.0}},
    },
}  # fmt: skip
ON_LOCKED_PLATFORM = (
    platform.system() == "Linux"
    and platform.machine() == "x86_64"
    and torch.cpu.get_capabilities().get("avx2", False)
    and torch.__version__.startswith(f"{LOCKED_VERSION}.")
)
needs_locked_platform = pytest.mark.skipif(
    not ON_LOCKED_PLATFORM, reason="the hashes hold for Linux, x86-64, AVX2 and the locked PyTorch"
)


@needs_locked_platform
def test_a_short_training_has_the_pinned_bits_on_any_number_of_cores(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("OMP_NUM_THREADS")
    write_tar(folder / "classes.tar.gz", cifar_files(per_class=24))
    write_zip(folder / "scenes.zip", scene_files(24))
    params = {"seed": 0, "source": "sample", "launcher": "python", "train": TRAIN, "tasks": TASKS}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    stages = [("fetch", name) for name in TASKS] + [(task["prepare"], name) for name, task in TASKS.items()]
    run_in_one_process(folder, [("configure",), *stages])
    runs = [(stage, name) for name in TASKS for stage in ("train", "evaluate")]
    output = run_in_one_process(folder, runs)
    assert output.count("the same bits on every x86-64 processor") == len(TASKS)
    hash_of_all_cores = hash_results(folder)
    cores = os.sched_getaffinity(0)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    os.sched_setaffinity(0, {min(cores)})
    try:
        run_in_one_process(folder, runs)
    finally:
        os.sched_setaffinity(0, cores)
    assert hash_results(folder) == hash_of_all_cores, "one core gives the same bits as all cores"
    assert hash_of_all_cores == PINNED


def run_in_one_process(folder: Path, stages: list[tuple[str, ...]]) -> str:
    """Run the scripts of stages, each with its arguments, and return their output. Libraries are imported only once."""
    program = f"""if True:
        import runpy, sys
        for stage, *arguments in {stages}:
            sys.argv = [stage, *arguments]
            runpy.run_module(f"stages.{{stage}}", run_name="__main__")
    """
    done = run(folder, sys.executable, "-c", program)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hash_results(folder: Path) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of models, metrics and predictions."""
    digest = hashlib.sha256()
    files = [path for room in ("models", "metrics", "data/predictions") for path in (folder / room).rglob("*.*")]
    for path in sorted(files):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def test_libraries_are_limited_before_they_are_imported(tmp_path: Path) -> None:
    program = """if True:
        import sys
        import stages.train, stages.evaluate, stages.fetch, stages.plot
        from darkroom.common.environment import limit_pytorch
        assert "torch" not in sys.modules
        limit_pytorch("everywhere")
        import cv2, torch
        from numpy._core._multiarray_umath import __cpu_features__
        print(torch.backends.cpu.get_cpu_capability(), __cpu_features__.get("X86_V3", False), cv2.ipp.getIppVersion())
    """
    clean = {name: value for name, value in os.environ.items() if name not in LIMITS}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    capability, has_avx2, primitives = done.stdout.split(maxsplit=2)
    assert (capability in ("AVX2", "DEFAULT"), has_avx2) == (True, "False")
    assert "AVX-512" not in primitives


def test_pytorch_can_only_be_limited_before_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PYTORCH:
        monkeypatch.delenv(name, raising=False)
    limit_pytorch("machine")
    assert not PYTORCH.keys() & os.environ.keys()
    with pytest.raises(RuntimeError, match="PyTorch was imported before"):
        limit_pytorch("everywhere")


@pytest.mark.parametrize(("has_avx2", "kernels"), [(True, "avx2"), (False, "default")])
def test_avx2_kernels_are_used_only_if_the_processor_has_avx2(tmp_path: Path, has_avx2: bool, kernels: str) -> None:
    (tmp_path / "torch.py").write_text(f"class cpu:\n    get_capabilities = lambda: {{'avx2': {has_avx2}}}\n")
    program = f"""if True:
        import os, sys
        sys.path.insert(0, {str(tmp_path)!r})
        from darkroom.common.environment import limit_pytorch
        limit_pytorch("everywhere")
        limit_pytorch("everywhere")
        print(os.environ["ATEN_CPU_CAPABILITY"])
    """
    clean = {name: value for name, value in os.environ.items() if name not in LIMITS}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, kernels), done.stderr


def test_bits_everywhere_means_float32_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_device("machine").type == "cuda"
    assert choose_device("everywhere").type == "cpu"
    assert choose_precision("auto", CPU, "everywhere") == "fp32"


@needs_locked_platform
def test_hash_of_numerics_differs_between_kernels_and_precisions() -> None:
    program = """if True:
        import torch
        from darkroom.device.numerics import hash_numerics
        from darkroom.device.precision import fix_algorithms
        fix_algorithms(bits="everywhere")
        print(hash_numerics(torch.device("cpu"), "fp32"))
    """
    hashes = {}
    kernels = {"limited": PYTORCH | {"ATEN_CPU_CAPABILITY": "avx2"}, "default": {"ATEN_CPU_CAPABILITY": "default"}}
    for name, environment in kernels.items():
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        hashes[name] = done.stdout.strip()
    assert hashes["limited"] == LOCKED_HASH != hashes["default"]
    assert hash_numerics(CPU, "fp32") == hash_numerics(CPU, "fp32") != hash_numerics(CPU, "bf16")


@pytest.mark.parametrize(
    ("object_and_name", "value", "computed_hash", "reason"),
    [
        ((platform, "machine"), lambda: "arm64", LOCKED_HASH, "this machine is arm64, not x86-64"),
        ((platform, "system"), lambda: "Windows", LOCKED_HASH, "this is Windows, and dvc.lock was made on Linux"),
        ((torch, "__version__"), "2.11.0+cu130", LOCKED_HASH, f"this is PyTorch 2.11.0+cu130, not {LOCKED_VERSION}"),
        ((torch.backends.cpu, "get_cpu_capability"), lambda: "DEFAULT", "another", "this processor has no AVX2"),
        (
            (platform, "machine"),
            lambda: "AMD64",
            "another",
            f"the hash of some operations is another, not {LOCKED_HASH}",
        ),
        ((platform, "machine"), lambda: "AMD64", LOCKED_HASH, None),
    ],
)
def test_reason_for_other_bits_is_named(
    monkeypatch: pytest.MonkeyPatch, object_and_name: tuple, value: object, computed_hash: str, reason: str | None
) -> None:
    pretend_locked_platform(monkeypatch)
    monkeypatch.setattr(*object_and_name, value)
    assert find_bits_mismatch(computed_hash) == reason


def pretend_locked_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(torch, "__version__", f"{LOCKED_VERSION}.1")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")


@pytest.mark.parametrize(
    ("computed", "has_gpu", "line"),
    [
        (
            "another",
            False,
            "results may differ slightly from the committed dvc.lock: the hash of some",
        ),
        (LOCKED_HASH, False, "the same bits on every x86-64 processor"),
        (
            LOCKED_HASH,
            True,
            "the same bits on every x86-64 processor; the GPU is not used, since its bits differ: -S train.bits=",
        ),
    ],
)
def test_training_prints_first_whether_its_bits_match_the_lock(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    computed: str,
    has_gpu: bool,
    line: str,
) -> None:
    monkeypatch.setattr("darkroom.training.train.hash_numerics", lambda *_: computed)
    pretend_locked_platform(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # other tests run in this process
    prepare_classes()
    trained(classification(NARROW, epochs=1, bits="everywhere"))
    first_line = capsys.readouterr().out.splitlines()[0]
    assert first_line.startswith(line)


def test_no_code_calls_functions_that_round_differently_by_processor() -> None:
    """These tensor functions call MKL, which ignores MKL_CBWR in them; rsqrt, exp and tanh are the same everywhere."""
    for file in (ROOT / "darkroom").rglob("*.py"):
        assert not re.search(r"(?<!math)(?<!np)\.(sqrt|asin|acos|atan)_?\(", file.read_text(encoding="utf-8")), file
