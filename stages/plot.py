"""Draw a task's figures: plots/TASK/, reports/TASK.html, and the tables that `dvc plots` draws charts from."""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import CONFIG
from darkroom.figures.draw import CHARTS, draw
from darkroom.figures.report import write_report


def main(task: str) -> None:
    data, metrics, pictures = Path("data/prepared", task), Path("metrics", task), Path("plots", task)
    charts = {chart: Path("plots", "charts", chart, f"{task}.csv") for chart in CHARTS}
    draw(data, Path("data/predictions", task), metrics, pictures, charts)
    write_report(Path("reports", f"{task}.html"), task, data, metrics, CONFIG / task / "train.json", pictures)


if __name__ == "__main__":
    run_stage(main)
