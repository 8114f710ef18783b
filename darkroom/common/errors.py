"""Errors that a user can cause. A stage ends on them with one line and exit code 1, without a traceback."""

import re
import sys
from collections.abc import Callable

from darkroom.common.platform import discard_output, is_closed_pipe, is_disk_full, print_all_characters, too_long

# What PyTorch says of operations and numbers that it does not have on a Mac's GPU.
MISSING_ON_MPS = re.compile(r"operator '([^']+)' is not currently implemented for the MPS|MPS .* support (float64)")


class UserError(Exception):
    """An error that the user can fix. The message is one line: the file or key, the value, what to do."""


def run_stage(stage: Callable[..., None]) -> None:
    """Call `stage` with the arguments of the command line, as `run_command`. Exit code 2: wrong number of arguments."""
    arguments = sys.argv[1:]
    names = stage.__code__.co_varnames[: stage.__code__.co_argcount]
    if len(arguments) != len(names):
        print(f"usage: python -m {stage_name()} {' '.join(n.upper() for n in names)}", file=sys.stderr)
        sys.exit(2)
    run_command(lambda: stage(*arguments))


def run_command(command: Callable[[], None]) -> None:
    """Call `command` and end the process with one line if it fails by the user's error.

    Exit codes: 0 done, 1 a `UserError`, a full disk, a path too long for Windows or what MPS cannot do, 130 Ctrl-C.
    Other exceptions are bugs and keep their tracebacks.
    """
    print_all_characters()
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        fail(str(error))
    except (NotImplementedError, TypeError) as error:
        missing = MISSING_ON_MPS.search(str(error))
        if not missing:
            raise
        fallback = "set PYTORCH_ENABLE_MPS_FALLBACK=1 in the environment to compute it on the processor, or "
        fail(
            f"PyTorch has no {missing[1] or missing[2]} on a Mac's GPU (MPS): {fallback if missing[1] else 'set '}"
            "train.bits = everywhere to compute all on the processor"
        )
    except KeyboardInterrupt:
        print(f"{stage_name()}: stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if is_closed_pipe(error):
            discard_output()
        elif is_disk_full(error):
            fail(f"{error.filename or 'output'}: the disk is full: free some space and run again")
        elif message := too_long(error):
            fail(message)
        else:
            raise


def fail(message: str) -> None:
    """Print `message` as one line and exit with code 1."""
    print(f"{stage_name()}: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(1)


def stage_name() -> str:
    """Return the name of the running module, such as `stages.train`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else "darkroom"
