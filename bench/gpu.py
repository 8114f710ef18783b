"""Run the tests and measurements that are meant for a GPU and write their results as one Markdown table.

    python -m bench.gpu

Runs `PARTS` one after the other, each in a process of its own, and goes on when one fails. Each line that a part prints
is a row of `runs/gpu.md`, to be pasted into docs/results.md. Exits with code 1 if a part failed.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import torch

from darkroom.common.files import write_text

TABLE = Path("runs/gpu.md")
PARTS = (
    ["pytest", "tests/test_cuda.py"],
    ["bench.exact", "cifar10"],
    ["bench.training"],
    ["bench.recipes"],
    ["bench.airbench"],
)


def main() -> None:
    """Run all parts, print what they print, and write the table."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    rows = ["| what | device | result |", "|---|---|---|"]
    failed = False
    TABLE.parent.mkdir(exist_ok=True)
    for part in PARTS:
        if importlib.util.find_spec(part[0]) is None:
            rows.append(f"| {part[0]} | {device} | is not here |")
            continue
        command = [sys.executable, "-m", *part]
        print(*command, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
        print(done.stdout, flush=True)
        lines = [line.replace("|", "/") for line in done.stdout.splitlines() if line.strip()]
        if part[0] == "pytest":
            lines = lines[-1:]  # the numbers of tests that passed, failed and were skipped
        if done.returncode:
            failed = True
            lines.append(f"FAILED with exit code {done.returncode}")
        rows += [f"| {part[0]} | {device} | {line} |" for line in lines]
        write_text(TABLE, "\n".join([*rows, ""]))
    print(f"the table is in {TABLE.as_posix()}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
