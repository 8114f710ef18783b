"""Draw a task's figures: plots/TASK/*.png, and the tables that `dvc plots` draws charts from."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.figures.draw import CHARTS, draw


def main(task: str) -> None:
    draw(
        Path("data/prepared", task),
        Path("data/predictions", task),
        Path("metrics", task),
        Path("plots", task),
        {chart: Path("plots", "charts", chart, f"{task}.csv") for chart in CHARTS},
    )


if __name__ == "__main__":
    run_stage(main)
