"""Draw a task's figures and write its report: plots/TASK/, reports/TASK.html, and the tables of `dvc plots`' charts.

Of annotations, write the page to check them by eye too, reports/TASK/check.html; of a data set that was audited, the
page of what was found, reports/TASK/audit.html.
"""

from pathlib import Path

from darkroom.common.errors import run_stage
from darkroom.common.parameters import CONFIG, read_parameters
from darkroom.figures.audit_page import write_audit_page_of
from darkroom.figures.card import write_card
from darkroom.figures.check_page import write_check_page_of
from darkroom.figures.draw import CHARTS, draw
from darkroom.figures.overview import read_results
from darkroom.figures.parameters import PlotParameters
from darkroom.figures.report import write_report


def main(task: str) -> None:
    """Draw the figures of `task`."""
    language = read_parameters("plot", task, PlotParameters).report.language
    data, predictions, metrics = Path("data/prepared", task), Path("data/predictions", task), Path("metrics", task)
    figures, chart_images = Path("plots", task), Path("reports", task)
    charts = {chart: Path("plots", "charts", chart, f"{task}.csv") for chart in CHARTS}
    draw(data, predictions, metrics, figures, chart_images, charts)
    parameters = CONFIG / task / "train.json"
    write_check_page_of(data, chart_images / "check.html", task, language)
    found, counts = Path("data/audit", task), metrics / "audit.json"
    write_audit_page_of(data, found, counts, chart_images / "audit.html", task, language)
    results = read_results(data, predictions, metrics)
    write_report(Path("reports", f"{task}.html"), task, results, parameters, figures, chart_images, language)
    write_card(Path("reports", f"{task}.card.md"), task, results, data, CONFIG / task)


if __name__ == "__main__":
    run_stage(main)
