"""Draw a task's figures and report: plots/TASK/, reports/TASK.html, and the tables for the charts of `dvc plots`."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import CONFIG
from darkroom.figures.draw import CHARTS, draw
from darkroom.figures.report import write_report


def main(task: str) -> None:
    """Draw the figures of `task` and write its report."""
    data, metrics, plots = Path("data/prepared", task), Path("metrics", task), Path("plots", task)
    charts = {chart: Path("plots", "charts", chart, f"{task}.csv") for chart in CHARTS}
    draw(data, Path("data/predictions", task), metrics, plots, charts)
    write_report(Path("reports", f"{task}.html"), task, data, metrics, CONFIG / task / "train.json", plots)


if __name__ == "__main__":
    run_stage(main)
