"""The model card of a task, in the layout of Hugging Face's model cards.

It is always in English, as the hub expects it. What nobody but a person can know is left to fill in.
"""

import hashlib
from pathlib import Path
from typing import Any

import jinja2
import yaml

from darkroom.common.files import in_order, read_json, replacing, write_text
from darkroom.datasets.description import SPLITS, Description
from darkroom.datasets.kinds import kind_of
from darkroom.figures.languages import texts_of
from darkroom.figures.overview import Results, tell
from darkroom.figures.report import interval_text, leaves, training_summary

TEMPLATE = Path(__file__).with_suffix(".md")
MOST_CLASSES = 20  # named in the card
BITS = {
    "everywhere": "In this mode every x86-64 processor with AVX2 gives the same bytes.",
    "machine": "On another kind of processor or GPU the bytes may differ slightly.",
}


def write_card(path: Path, task: str, results: Results, data: Path, config: Path) -> None:
    """Write the model card of a task.

    Args:
        path: of the Markdown file.
        task: the task's name.
        results: what the stages wrote about the task.
        data: the prepared data set.
        config: the folder of the parameters of the task's stages.
    """
    texts, description = texts_of("en"), results.description
    facts, worst, advice = tell(texts, results, task)
    parameters, fetched = read_json(config / "train.json"), read_json(config / "fetch.json")
    intervals = results.test.get("intervals", {})
    metrics = {name: value for name, value in results.test.items() if name != "intervals"}
    train = results.train
    template = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text = template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        task=task,
        metadata=_metadata(task, results, _source_name(fetched)),
        summary=training_summary(texts, results),
        parameters=parameters,
        kind=texts.kinds[description.kind].format(len(description.classes)).lower(),
        size="×".join(map(str, description.image_size)) if description.image_size else None,
        takes_images=kind_of(description.kind).UNIT == "images",
        classes=_class_names(description),
        limits=advice,
        worst=worst,
        source=_source(fetched),
        images=", ".join(f"{description.images[split]:,} for {split}" for split in SPLITS),
        data_hash=hash_folder(data),
        training=f"{train['epochs']} epochs, of which number {train['kept_epoch']} was kept.",
        recipe=yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True),
        numbers=[(name, value, interval_text(intervals.get(name))) for name, value in leaves(metrics)],
        facts=facts,
        audit=list(leaves({name: value for name, value in results.audit.items() if name != "intervals"})),
        environment=f"Trained on {train['device']} in {train['precision']}, with `bits: {train['bits']}`. "
        f"{BITS[train['bits']]}",
    )
    with replacing(path) as temporary:
        write_text(temporary, text)


def hash_folder(folder: Path) -> str:
    """Return the SHA-256 of the files in a folder: of each its path, a zero byte and the SHA-256 of its content."""
    digest = hashlib.sha256()
    for path in in_order(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


def _metadata(task: str, results: Results, dataset: str) -> str:
    """Return the YAML at the beginning of the card, as `ModelCardData` of huggingface-hub writes it."""
    from huggingface_hub import EvalResult, ModelCardData

    intervals = results.test.get("intervals", {})
    tag = kind_of(results.description.kind).HUB_TASK
    scores = {name: value for name, value in results.test.items() if isinstance(value, int | float)}
    evaluated = [
        EvalResult(
            task_type=tag, dataset_type=dataset, dataset_name=dataset, dataset_split="test", metric_type=name,
            metric_value=value, metric_args={"interval_95": intervals[name]} if intervals.get(name) else None,
        )
        for name, value in scores.items()
    ]  # fmt: skip
    card = ModelCardData(
        library_name="darkroom", tags=["darkroom", results.description.kind], pipeline_tag=tag,
        metrics=[results.description.score], model_name=task, eval_results=evaluated,
    )  # fmt: skip
    return card.to_yaml(line_break="\n") + "\n"


def _class_names(description: Description) -> str:
    names = description.classes
    rest = f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    return ", ".join(names[:MOST_CLASSES]) + rest


def _source_name(fetched: dict[str, Any]) -> str:
    return Path(fetched["archive"]).name if fetched.get("archive") else str(fetched["dataset"])


def _source(fetched: dict[str, Any]) -> str:
    """Return where the data come from, in words."""
    if fetched.get("archive"):
        checksum = f", SHA-256 `{fetched['sha256']}`" if fetched.get("sha256") else ""
        return f"the archive `{_source_name(fetched)}`{checksum}"
    if fetched["source"] == "sample":
        return f"the sample of `{fetched['dataset']}`, which Darkroom draws; it is not the published data set"
    return f"the published data set `{fetched['dataset']}`, checked by the publisher's checksums"
