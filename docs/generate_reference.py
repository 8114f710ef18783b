"""Generate the reference pages from the code: parameters from the pydantic classes, commands from argparse.

mkdocs calls `on_files` at every build (`hooks` in mkdocs.yml), so that nothing generated is committed. Run by itself,
`python docs/generate_reference.py` prints the pages.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # mkdocs imports a hook without its folder's parent

from darkroom.__main__ import build_parser  # noqa: E402
from darkroom.audit.parameters import AuditParameters  # noqa: E402
from darkroom.common.files import read_yaml  # noqa: E402
from darkroom.common.named import names_in  # noqa: E402
from darkroom.common.parameters import Parameters  # noqa: E402
from darkroom.configuration import TopLevel, preparations  # noqa: E402
from darkroom.evaluation.parameters import EvaluateParameters  # noqa: E402
from darkroom.sources.parameters import FetchParameters  # noqa: E402
from darkroom.studies.declared import Study  # noqa: E402
from darkroom.training.kinds import training_of  # noqa: E402

Schema = dict[str, Any]
FILLED_IN = {
    "task",
    "kind",
    "seed",
    "source",
    "bits",
    "train",
    "left_out",
}  # of a stage: `configure` fills them in from elsewhere
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
LENGTHS = {"minItems": "at least {}", "maxItems": "at most {}"}
PARAMETERS_INTRO = """# Parameters

This page is generated from the code. All parameters stand in `params.yaml`, but those of a study, which stand in its
file. An unknown key or a wrong value stops the pipeline before anything is read, with one line that names the key, the
value and what is allowed.

`train` holds what every task inherits; `tasks.TASK.train` overrides any of its keys for one task. On the command line a
key that a task does not have yet takes a plus, `-S +tasks.segmentation.train.class_weights=median_frequency`, and a
tilde takes a key away: `-S ~tasks.segmentation.train.loss.dice`.
"""
COMMANDS_INTRO = """# Commands

This page is generated from the code. It shows what `python -m darkroom COMMAND --help` prints.
"""


@dataclass(frozen=True)
class Field:
    """One key: its full name, allowed values, default and description; `described_by` is where the text belongs."""

    key: str
    values: str
    default: str
    description: str
    described_by: str


@dataclass(frozen=True)
class Section:
    """The keys of one parameter class."""

    title: str
    text: str
    fields: list[Field]


def preparation_parameters() -> dict[str, type[Parameters]]:
    """Return the parameter class of each script of the stage `prepare`."""
    return {script: preparation.parameters for script, preparation in preparations().items()}


def trainings() -> Mapping[str, type[Parameters]]:
    """Return the parameter class of the stage `train` for each kind of task."""
    return {kind: training_of(kind) for kind in names_in("darkroom.training.kinds")}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of docs/."""
    for name, content in (("parameters", parameters_page()), ("commands", commands_page())):
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files


def on_post_page(output: str, page: Any, **_: object) -> str:  # noqa: ANN401 - mkdocs passes a Page
    """State the language of the Chinese pages."""
    if page.file.src_uri.startswith("zh/"):
        return str(output).replace('<html lang="en"', '<html lang="zh-Hans"', 1)
    return output


def parameters_page() -> str:
    """Return the page of all parameters, as Markdown; each key has a heading of its own to link to."""
    parts = [PARAMETERS_INTRO]
    seen: Counter[str] = Counter()
    for section in sections():
        parts.append(f"## {section.title}\n\n{section.text}\n")
        for field in section.fields:
            seen[field.key] += 1  # a key that two kinds of tasks have differs there
            anchor = field.key if seen[field.key] == 1 else f"{field.key}-{seen[field.key]}"
            text, values = " ".join(field.description.split()), field.values[0].upper() + field.values[1:]
            parts.append(f"### `{field.key}` {{ #{anchor} }}\n\n{text}\n\n{values}. {field.default}\n")
    return "\n".join(parts)


def commands_page() -> str:
    """Return the page of all commands, as Markdown."""
    os.environ["COLUMNS"] = "100"  # argparse breaks lines there
    [commands] = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    pages = [f"## {name}\n\n```text\n{one.format_help().rstrip()}\n```\n" for name, one in commands.choices.items()]
    return "\n".join([COMMANDS_INTRO, *pages])


def sections() -> list[Section]:
    """Return all parameter classes that params.yaml and the files of studies/ hold."""
    given = read_yaml(ROOT / "params.yaml")
    found = [
        *_walk(TopLevel, "", "The top level", given),
        Section("A task", "", [_prepare()]),
        *_walk(FetchParameters, "tasks.TASK.", "Where the data come from", {}),
    ]
    for parameters, scripts in _by_class(preparation_parameters()).items():
        names = ", ".join(f"`{script}`" for script in scripts)
        found += _walk(parameters, "tasks.TASK.", f"Preparation by {names}", {})
    for training, kinds in _by_class(trainings()).items():
        found += _walk(training, "tasks.TASK.", f"Training: {', '.join(kinds)}", {})
    found += _walk(EvaluateParameters, "tasks.TASK.", "Evaluation", {})
    found += _walk(AuditParameters, "tasks.TASK.", "Audit", {})
    found += _walk(Study, "", "A file of studies/", {})
    return _merged(section for section in found if section.fields)


def _prepare() -> Field:
    scripts = ", ".join(f"`{script}`" for script in preparations())
    text = "The script of `stages/` that prepares the data. It decides the kind of task."
    return Field("tasks.TASK.prepare", scripts, "Required.", text, "TopLevel")


def _merged(found: Iterable[Section]) -> list[Section]:
    """Sections of the same keys, as those of one model for two kinds of tasks, become one."""
    merged: dict[tuple[Field, ...], Section] = {}
    for section in found:
        fields = tuple(section.fields)
        title = section.title
        if fields in merged:
            title = f"{merged[fields].title} and {title.rpartition(', ')[2]}"
        merged[fields] = Section(title, section.text, section.fields)
    return list(merged.values())


def _by_class(classes: Mapping[str, type[Parameters]]) -> dict[type[Parameters], list[str]]:
    names: dict[type[Parameters], list[str]] = {}
    for name, parameters in classes.items():
        names.setdefault(parameters, []).append(name)
    return names


def _walk(parameters: type[Parameters], prefix: str, title: str, given: object) -> Iterator[Section]:
    """Yield a section for a parameter class, then one for each class nested in it."""
    schema = parameters.model_json_schema()
    yield from _sections_of(schema, schema.get("$defs", {}), prefix, title, given)


def _sections_of(schema: Schema, classes: Schema, prefix: str, title: str, given: object) -> Iterator[Section]:
    fields: list[Field] = []
    here = given if isinstance(given, dict) else {}
    nested: list[tuple[Schema, str, str, object]] = []
    for name, field in schema["properties"].items():
        if prefix == "tasks.TASK." and name in FILLED_IN:
            continue
        key = f"{prefix}{name}"
        inner = list(_classes_of(field, classes))
        nested += [(one, *_place(key, field, title, one, len(inner) > 1), here.get(name)) for one in inner]
        default = _default(field, name in schema.get("required", []), here.get(name))
        text = field.get("description") or (inner[0].get("description", "") if len(inner) == 1 else "")
        if name == "name" and len(_names_of(schema)) == 1:
            text = text or "Chooses these keys."
        fields.append(Field(key, _values(field, classes), default, text.split("\n\n")[0], schema["title"]))
    yield Section(title, " ".join(schema.get("description", "").split("\n\n")[0].split()), fields)
    for one, inner_prefix, inner_title, inner_given in nested:
        yield from _sections_of(one, classes, inner_prefix, inner_title, inner_given)


def _place(key: str, field: Schema, title: str, inner: Schema, several: bool) -> tuple[str, str]:
    """The prefix of a nested class's keys, and its section's title."""
    item = {"object": ".NAME", "array": "[]"}.get(field.get("type", ""), "")
    of = title.partition(": ")[2]
    names = ", ".join(_names_of(inner)) if several else ""
    return f"{key}{item}.", f"{key}{item}{f' with name {names}' if names else ''}{f', {of}' if of else ''}"


def _classes_of(field: Schema, classes: Schema) -> Iterator[Schema]:
    """The parameter classes among a field's types."""
    if "$ref" in field:
        found = classes[field["$ref"].rpartition("/")[2]]
        if "properties" in found:
            yield found
    for key in ("anyOf", "oneOf", "allOf"):
        for one in field.get(key, []):
            yield from _classes_of(one, classes)
    for key in ("additionalProperties", "items"):
        if isinstance(field.get(key), dict):
            yield from _classes_of(field[key], classes)


def _names(field: Schema, classes: Schema) -> list[str]:
    """The names that choose among several parameter classes."""
    inner = list(_classes_of(field, classes))
    found = [_names_of(one) for one in inner] if "oneOf" in field or "anyOf" in field else []
    return sorted(name for names in found for name in names) if len(inner) > 1 and all(found) else []


def _names_of(schema: Schema) -> list[str]:
    """The allowed values of the key `name` of a parameter class."""
    name = schema["properties"].get("name", {})
    return [name["const"]] if "const" in name else list(name.get("enum", []))


def _values(field: Schema, classes: Schema) -> str:
    """What a field may be, in words."""
    if "$ref" in field:
        return _values(classes[field["$ref"].rpartition("/")[2]], classes)
    if names := _names(field, classes):
        return f"One of {', '.join(f'`{name}`' for name in names)}, each with its options below"
    for key in ("anyOf", "oneOf"):
        if key in field:
            return " or ".join(_values(one, classes) for one in field[key])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    kind = field.get("type")
    limits = ", ".join(f"{sign} {field[key]}" for key, sign in BOUNDS.items() if key in field)
    if kind == "array":
        size = " and ".join(words.format(field[key]) for key, words in LENGTHS.items() if key in field)
        items = _values(field.get("items", {}), classes)
        return f"list of {f'({items})' if items else 'values'}{f', {size}' if size else ''}"
    if kind == "object":
        if "properties" in field:
            return "the keys below"
        keys, values = field.get("propertyNames", {}), field.get("additionalProperties", {})
        allowed = _values(keys, classes) if "enum" in keys else "names"
        inner = _values(values, classes) if isinstance(values, dict) else ""
        return f"{allowed}, each with {f'({inner})' if inner else 'a value'}"
    if "pattern" in field:
        return f"text of the form `{field['pattern']}`"
    words = {"string": "text", "boolean": "`true`, `false`", "null": "`null`", "integer": "integer", "number": "number"}
    return f"{words.get(kind or '', '')} {limits}".strip()


def _default(field: Schema, required: bool, given: object) -> str:
    """A sentence on a field's default; on a required one the value in params.yaml, where there is one."""
    if not required:
        return f"Default: `{json.dumps(field.get('default', {}), ensure_ascii=False)}`."
    return (
        "Required." if given is None or isinstance(given, dict) else f"Required; `{json.dumps(given)}` in params.yaml."
    )


if __name__ == "__main__":
    print(parameters_page(), commands_page(), sep="\n")
