"""The texts of reports. Each module here is a language, named by its code, and has `TEXTS`."""

from dataclasses import dataclass
from typing import cast

from darkroom.common.named import module_named


@dataclass(frozen=True)
class Texts:
    """The texts of a report in one language. All languages have the same keys and the same fields in braces.

    Attributes:
        lang: the language as HTML states it.
        fonts: font families of CSS.
        title: of the page; `{}` stands for the task's name.
        summary: one sentence on the training.
        facts: sentences of the report's beginning, by the keys of `figures.overview.facts`. Keys of params.yaml and
            commands stand in backticks.
        advice: what to do next, likewise.
        kinds: describes a task, by its kind; `{}` stands for the number of classes.
        units: what a data set consists of, in training and in the test, by `UNIT` of the kind.
        scores: the metrics that decide which epoch is kept, within the summary.
        headings: headings and heads of tables.
        colon, stop: what separates a figure's title from its caption, in its alternative text and below it.
        captions: the title and the caption of each figure, by the name of its file, in the order of the report.
        names: of metrics and of the columns of `classes.csv`, where the report does not show them as in the files.
        check: the texts of the page by which masks are checked by eye. The page fills in the braces.
        findings: what looks wrong in a mask, by kind, and what it means.
        audit: the texts of the page of an audit. The page fills in the braces.
        audit_kinds: what an audit finds, by kind, and what it means.
        audit_counts: the counts of audit.json, in the order of the page.
        audit_notes: what differs between near duplicates, by the words of their notes.
    """

    lang: str
    fonts: str
    title: str
    summary: str
    facts: dict[str, str]
    advice: dict[str, str]
    kinds: dict[str, str]
    units: dict[str, tuple[str, str]]
    scores: dict[str, str]
    headings: dict[str, str]
    colon: str
    stop: str
    captions: dict[str, tuple[str, str]]
    names: dict[str, str]
    check: dict[str, str]
    findings: dict[str, tuple[str, str]]
    audit: dict[str, str]
    audit_kinds: dict[str, tuple[str, str]]
    audit_counts: dict[str, str]
    audit_notes: dict[str, str]


def texts_of(language: str) -> Texts:
    """Return the texts of a language."""
    return cast(Texts, module_named(__name__, language).TEXTS)
