"""Parameters of the stage `plot`."""

from typing import Annotated

from darkroom.common.named import NameIn
from darkroom.common.parameters import Parameters


class Report(Parameters):
    """The reports of the tasks, `reports/TASK.html`."""

    language: Annotated[str, NameIn("darkroom.figures.languages")] = "en"
    """Language of headings and captions. en: English; zh: Chinese. The figures are the same."""


class PlotParameters(Parameters):
    """All parameters of the stage `plot`."""

    report: Report = Report()
    """The reports of the tasks, `reports/TASK.html`."""
