"""Commands of Darkroom besides the pipeline."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, get_args

# Rooms are imported where they are used: `doctor` must run where packages are missing or broken.
if TYPE_CHECKING:
    from darkroom.common.parameters import Parameters


def build_parser(only_doctor: bool = False) -> argparse.ArgumentParser:
    """Return the parser of all commands, from which the reference page is generated.

    Args:
        only_doctor: leave the other commands out, whose options come from packages.
    """
    parser = argparse.ArgumentParser(prog="python -m darkroom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    doctor = commands.add_parser("doctor", help="say what this machine will do, what is wrong, and what mends it")
    doctor.add_argument("--network", action="store_true", help="ask the servers of the published data sets too")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.set_defaults(command=_doctor)
    if only_doctor:
        return parser
    from darkroom.annotations.format_names import describe_formats
    from darkroom.annotations.parameters import AnnotationParameters
    from darkroom.annotations.writers import PNG
    from darkroom.common.named import names_in

    layouts = names_in("darkroom.annotations.writers")

    models = commands.add_parser("models", help="list the models, or one of them layer by layer")
    models.add_argument("name", nargs="?", help="show the layers of this model and the shapes of their outputs")
    models.add_argument("--classes", type=int, default=10, help="number of classes; default: %(default)s")
    models.add_argument("--side", type=int, default=32, help="side of the images in pixels; default: %(default)s")
    models.set_defaults(command=_models)

    formats = describe_formats()
    masks = commands.add_parser(
        "masks",
        help="convert annotations to single-channel masks, or to another tool's layout",
        epilog="formats:\n" + "\n".join(f"  {name}\n{_indent(text)}" for name, text in formats.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    masks.add_argument("source", type=Path, help="folder or archive of images and annotations")
    masks.add_argument("out", type=Path, help="new folder for the masks, a report, and a page to check them by eye")
    masks.add_argument("--to", choices=layouts, default=PNG, help="layout to write; default: %(default)s, masks")
    masks.add_argument(
        "--instances", action="store_true", help="write object ids too, in 16-bit PNG files of the folder objects"
    )
    _add_options(masks, AnnotationParameters)
    masks.add_argument("--encoding", help="encoding of an archive's file names: gbk, big5, …; default: detected")
    masks.add_argument(
        "--language",
        choices=names_in("darkroom.figures.languages"),
        default="en",
        help="of the page; default: %(default)s",
    )
    masks.set_defaults(command=_masks)

    predict = commands.add_parser("predict", help="predict the classes of images by a trained model")
    predict.add_argument("images", nargs="*", help="files, folders, or quoted patterns such as 'photos/*.jpg'")
    predict.add_argument("--task", required=True, help="task whose model predicts: cifar10, …")
    predict.add_argument("--rev", help="git revision or experiment whose model predicts; default: the model in models/")
    predict.add_argument("--out", type=Path, help="new folder for the masks and overlays of a segmentation")
    predict.add_argument("--to", choices=layouts, default=PNG, help="layout to write; default: %(default)s, masks")
    predict.add_argument("--onnx", type=Path, metavar="FILE", help="export the model to a new ONNX file")
    predict.add_argument("--json", action="store_true", help="print JSON")
    predict.set_defaults(command=_predict)

    audit = commands.add_parser(
        "audit",
        help="find duplicates, leakage and likely wrong labels of images, without a trained model",
        epilog="Likely wrong masks of a segmentation need its model: the stage audit@TASK finds them.",
    )
    audit.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="folder or archive with a folder of images for each class; archive of CIFAR, Tiny ImageNet or MNIST; or "
        "the name of a task that is prepared",
    )
    audit.add_argument("--out", type=Path, help="new folder for findings.csv and audit.html; default: none")
    audit.add_argument("--json", action="store_true", help="print JSON")
    audit.set_defaults(command=_audit)

    compare = commands.add_parser("compare", help="compare the predictions of two experiments")
    compare.add_argument("revisions", nargs=2, metavar="REVISION", help="git revision, experiment, or workspace")
    compare.add_argument(
        "--task", action="append", default=[], help="task to compare: cifar10, …; can be repeated; default: all"
    )
    compare.add_argument("--out", type=Path, help="new folder for a table of the images and a figure of the changes")
    compare.add_argument("--json", action="store_true", help="print JSON")
    compare.set_defaults(command=_compare)

    ensemble = commands.add_parser("ensemble", help="combine the classifiers of several experiments")
    ensemble.add_argument("revisions", nargs="+", metavar="REVISION", help="git revision, experiment, or workspace")
    ensemble.add_argument("--task", required=True, help="task of the classifiers: cifar10, …")
    ensemble.add_argument("--method", default="mean", help="mean, vote, weighted or stack; default: %(default)s")
    ensemble.add_argument("--out", type=Path, help="new folder for metrics, predictions and figures")
    ensemble.add_argument("--json", action="store_true", help="print JSON")
    ensemble.set_defaults(command=_ensemble)

    study = commands.add_parser("study", help="run the experiments of a study, and write its tables and figure")
    study.add_argument("name", help="name of a file in studies/, such as tricks")
    study.add_argument(
        "--scale", default="laptop", help="laptop (on the sample, the default) or gpu (on published data)"
    )
    study.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="number of experiments that run at once; default: %(default)s"
    )
    study.add_argument("--dry", action="store_true", help="print the commands and run nothing")
    study.set_defaults(command=_study)

    plan = commands.add_parser("plan", help="predict memory and time of trainings, and say which batch fits")
    what = plan.add_mutually_exclusive_group(required=True)
    what.add_argument("--task", help="task to train: cifar10, …")
    what.add_argument("--study", metavar="NAME", help="study whose trainings to plan, such as recipes")
    plan.add_argument("--scale", default="laptop", help="of the study; default: %(default)s")
    plan.add_argument("--memory", type=float, metavar="GB", help="memory of the device; default: what it has")
    plan.add_argument(
        "--device", choices=["cpu", "cuda", "mps"], help="device to plan for; default: the one that training takes"
    )
    plan.set_defaults(command=_plan)

    page = commands.add_parser(
        "plots-page", help="write the template of `dvc plots show`, which then works without a network"
    )
    page.set_defaults(command=_plots_page)

    return parser


def main() -> None:
    """Run the command that the command line names."""
    only_doctor = sys.argv[1:2] == ["doctor"]
    given = build_parser(only_doctor).parse_args()
    if only_doctor:
        try:
            given.command(given)
        except KeyboardInterrupt:
            sys.exit(130)
    from darkroom.common.errors import run_command

    run_command(lambda: given.command(given))


def _indent(text: str) -> str:
    """Return a docstring with its paragraphs wrapped and indented, for the end of a help text."""
    paragraphs = [
        textwrap.fill(part, 100, initial_indent="    ", subsequent_indent="    ") for part in text.split("\n\n")
    ]
    return "\n".join(paragraphs)


def _add_options(parser: argparse.ArgumentParser, parameters: type[Parameters]) -> None:
    """Add an option for each field of a parameter class, with the field's description as its help.

    Lists of names take several words. Other values are YAML.
    """
    for name, field in parameters.model_fields.items():
        flag, text = f"--{name.replace('_', '-')}", " ".join((field.description or "").split()).replace("%", "%%")
        if field.annotation is bool:
            parser.add_argument(flag, action="store_true", help=text)
        elif list[str] in (field.annotation, *get_args(field.annotation)):
            parser.add_argument(flag, nargs="+", metavar="NAME", help=text)
        else:
            parser.add_argument(flag, metavar="VALUE", help=text)


def _options(given: argparse.Namespace, parameters: type[Parameters]) -> dict[str, object]:
    """Return the values of the options that `_add_options` added and that were given, by the names of the fields."""
    from darkroom.common.files import parse_yaml

    values = {name: getattr(given, name) for name in parameters.model_fields if getattr(given, name) is not None}
    return {
        name: parse_yaml(value, f"--{name.replace('_', '-')}") if isinstance(value, str) else value
        for name, value in values.items()
    }


def _doctor(given: argparse.Namespace) -> None:
    from darkroom.commands.doctor.table import doctor

    sys.exit(doctor(given.network, given.json))


def _models(given: argparse.Namespace) -> None:
    from darkroom.commands.models import list_models  # imported here, since torch takes seconds

    list_models(given.name, given.classes, given.side)


def _masks(given: argparse.Namespace) -> None:
    from darkroom.annotations.parameters import AnnotationParameters
    from darkroom.commands.masks import convert_masks

    values = _options(given, AnnotationParameters)
    convert_masks(given.source, given.out, values, given.encoding, given.language, given.to, given.instances)


def _predict(given: argparse.Namespace) -> None:
    from darkroom.commands.export import export
    from darkroom.commands.predict import predict

    if given.onnx:
        export(given.task, given.rev, given.onnx)
    if given.images or not given.onnx:
        predict(given.task, given.images, given.rev, given.out, given.json, given.to)


def _audit(given: argparse.Namespace) -> None:
    from darkroom.commands.audit import audit_sources

    audit_sources(given.sources, given.out, given.json)


def _compare(given: argparse.Namespace) -> None:
    from darkroom.commands.compare import compare

    compare(given.task, tuple(given.revisions), given.out, given.json)


def _ensemble(given: argparse.Namespace) -> None:
    from darkroom.common.environment import limit_pytorch

    limit_pytorch("everywhere")  # there is little to compute, so the same bits cost no time
    from darkroom.commands.ensemble import ensemble

    ensemble(given.task, given.revisions, given.method, given.out, given.json)


def _study(given: argparse.Namespace) -> None:
    from darkroom.commands.study import study

    study(given.name, given.scale, given.jobs, given.dry)


def _plan(given: argparse.Namespace) -> None:
    from darkroom.common.environment import limit_pytorch
    from darkroom.common.files import read_json
    from darkroom.common.parameters import CONFIG

    config = CONFIG / str(given.task) / "train.json"
    if config.exists() and not given.device:  # measured as the stage computes, and PyTorch reads this when imported
        limit_pytorch(read_json(config)["train"]["bits"])
    from darkroom.commands.plan import plan, plan_study

    if given.study:
        plan_study(given.study, given.scale, given.memory, given.device)
    else:
        plan(given.task, given.memory, given.device)


def _plots_page(_: argparse.Namespace) -> None:
    from darkroom.commands.plots_page import write_plots_page

    write_plots_page()


if __name__ == "__main__":
    main()
