"""`python -m darkroom COMMAND`: what people ask for outside of the pipeline."""

import argparse

from darkroom.commands.models import list_models
from darkroom.common.errors import run_command


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m darkroom", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    models = commands.add_parser("models", help="list the classifiers, or one of them layer by layer")
    models.add_argument("name", nargs="?", help="show this model's layers and the shapes that they give")
    models.add_argument("--classes", type=int, default=10, help="default: %(default)s")
    models.add_argument("--side", type=int, default=32, help="of the images, in pixels; default: %(default)s")
    models.set_defaults(command=lambda given: list_models(given.name, given.classes, given.side))

    given = parser.parse_args()
    run_command(lambda: given.command(given))


if __name__ == "__main__":
    main()
