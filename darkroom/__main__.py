"""`python -m darkroom COMMAND`: what people ask for outside of the pipeline."""

import argparse
import textwrap
from pathlib import Path

from darkroom.annotations.format_names import describe_formats
from darkroom.common.errors import run_command
from darkroom.common.files import parse_yaml


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, from which the reference page is generated."""
    parser = argparse.ArgumentParser(prog="python -m darkroom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    models = commands.add_parser("models", help="list the models, or one of them layer by layer")
    models.add_argument("name", nargs="?", help="show this model's layers and the shapes that they give")
    models.add_argument("--classes", type=int, default=10, help="default: %(default)s")
    models.add_argument("--side", type=int, default=32, help="of the images, in pixels; default: %(default)s")
    models.set_defaults(command=_models)

    formats = describe_formats()
    masks = commands.add_parser(
        "masks",
        help="convert annotations to single-channel masks",
        epilog="formats:\n" + "\n".join(f"  {name}\n{_indent(text)}" for name, text in formats.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    masks.add_argument("source", type=Path, help="folder or archive of images and annotations")
    masks.add_argument("out", type=Path, help="new folder for the masks, a report and a contact sheet")
    masks.add_argument("--format", default="auto", help=f"auto (the default), {', '.join(formats)}; see below")
    masks.add_argument("--classes", nargs="+", metavar="NAME", help="classes of the ids 1, 2, …; default: all, sorted")
    masks.add_argument(
        "--ignore", nargs="+", default=[], metavar="NAME", help="classes whose pixels become 255, ignored"
    )
    masks.add_argument("--colours", metavar="YAML", help='colours of RGB masks: "{road: [128, 64, 128], …}"')
    masks.add_argument("--border", default="ignored", help="border of trimaps: ignored (the default) or pet")
    masks.add_argument(
        "--exif",
        default="auto",
        help="how photos with an EXIF orientation were annotated: auto (the default), seen (turned upright) or stored",
    )
    masks.add_argument("--threshold", type=int, help="least value of foreground pixels in grey masks, 1 to 255")
    masks.add_argument("--encoding", help="encoding of an archive's file names: gbk, big5, …; default: found out")
    masks.add_argument(
        "--skip-bad", action="store_true", help="leave out annotations that cannot be used and list them"
    )
    masks.set_defaults(command=_masks)

    predict = commands.add_parser("predict", help="what a trained model says of any images")
    predict.add_argument("images", nargs="*", help="files, folders, or patterns in quotes")
    predict.add_argument("--task", required=True, help="whose model: cifar10, …")
    predict.add_argument("--rev", help="the model of this git revision or experiment")
    predict.add_argument("--out", type=Path, help="a new folder for the masks and overlays of a segmentation")
    predict.add_argument("--onnx", type=Path, metavar="FILE", help="export the model to a new file of this format")
    predict.add_argument("--json", action="store_true", help="print for machines")
    predict.set_defaults(command=_predict)

    compare = commands.add_parser("compare", help="what changed from one experiment's predictions to another's")
    compare.add_argument("revisions", nargs=2, metavar="REVISION", help="of git, an experiment, or workspace")
    compare.add_argument("--task", action="append", default=[], help="cifar10, …; default: all")
    compare.add_argument("--out", type=Path, help="a new folder for a row for each image and a figure of the changes")
    compare.add_argument("--json", action="store_true", help="print for machines")
    compare.set_defaults(command=_compare)

    ensemble = commands.add_parser("ensemble", help="what several experiments' classifiers say together")
    ensemble.add_argument("revisions", nargs="+", metavar="REVISION", help="of git, an experiment, or workspace")
    ensemble.add_argument("--task", required=True, help="cifar10, …")
    ensemble.add_argument("--method", default="mean", help="mean, vote, weighted or stack; default: %(default)s")
    ensemble.add_argument("--out", type=Path, help="a new folder for figures and predictions")
    ensemble.add_argument("--json", action="store_true", help="print for machines")
    ensemble.set_defaults(command=_ensemble)

    study = commands.add_parser("study", help="run a study of studies/ and write its table and figure")
    study.add_argument("name", help="of a file in studies/")
    study.add_argument("--scale", default="laptop", help="laptop (the sample) or gpu (published data)")
    study.add_argument("--jobs", type=int, default=1, metavar="N", help="experiments at once; default: %(default)s")
    study.add_argument("--dry", action="store_true", help="print the commands and run nothing")
    study.set_defaults(command=_study)

    page = commands.add_parser("plots-page", help="write the page of `dvc plots show` that needs no network")
    page.set_defaults(command=_plots_page)

    return parser


def main() -> None:
    """Run the command that the arguments name."""
    given = build_parser().parse_args()
    run_command(lambda: given.command(given))


def _indent(text: str) -> str:
    """Return a docstring for the end of a help text: its paragraphs filled and indented."""
    paragraphs = [
        textwrap.fill(part, 100, initial_indent="    ", subsequent_indent="    ") for part in text.split("\n\n")
    ]
    return "\n".join(paragraphs)


def _models(given: argparse.Namespace) -> None:
    from darkroom.commands.models import list_models  # each command imports its own: torch alone takes seconds

    list_models(given.name, given.classes, given.side)


def _masks(given: argparse.Namespace) -> None:
    from darkroom.commands.masks import convert_masks

    colours = given.colours and parse_yaml(given.colours, "--colours")
    keys = ("format", "classes", "ignore", "border", "exif", "threshold", "skip_bad")
    convert_masks(
        given.source, given.out, {key: getattr(given, key) for key in keys} | {"colours": colours}, given.encoding
    )


def _predict(given: argparse.Namespace) -> None:
    from darkroom.commands.export import export
    from darkroom.commands.predict import predict

    if given.onnx:
        export(given.task, given.rev, given.onnx)
    if given.images or not given.onnx:
        predict(given.task, given.images, given.rev, given.out, given.json)


def _compare(given: argparse.Namespace) -> None:
    from darkroom.commands.compare import compare

    compare(given.task, tuple(given.revisions), given.out, given.json)


def _ensemble(given: argparse.Namespace) -> None:
    from darkroom.common.environment import limit_pytorch

    limit_pytorch("everywhere")  # so little is computed that its bits matter more than its speed
    from darkroom.commands.ensemble import ensemble

    ensemble(given.task, given.revisions, given.method, given.out, given.json)


def _study(given: argparse.Namespace) -> None:
    from darkroom.commands.study import study

    study(given.name, given.scale, given.jobs, given.dry)


def _plots_page(_: argparse.Namespace) -> None:
    from darkroom.commands.plots_page import write_plots_page

    write_plots_page()


if __name__ == "__main__":
    main()
