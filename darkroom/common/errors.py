"""Errors that a user can cause, and how a stage ends on them: one line, exit code 1, no traceback."""

import errno
import os
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can put right. The message is one line: the file or key, the value, what to do."""


def run_stage(stage: Callable[..., None]) -> None:
    """Call `stage` with the command line's arguments; end with one line where the user caused an error.

    Tracebacks are left for bugs of ours. Exit codes: 0 done, 1 a `UserError` or a full disk,
    2 arguments that do not fit, 130 Ctrl-C.
    """
    arguments = sys.argv[1:]
    names = stage.__code__.co_varnames[: stage.__code__.co_argcount]
    if len(arguments) != len(names):
        print(f"usage: python -m {stage_name()} {' '.join(n.upper() for n in names)}", file=sys.stderr)
        sys.exit(2)
    run_command(lambda: stage(*arguments))


def run_command(command: Callable[[], None]) -> None:
    """Call `command`; end with one line where the user caused an error. Exit codes as of `run_stage`."""
    try:
        command()
        sys.stdout.flush()
    except UserError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print(f"{stage_name()}: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        fail(f"{error.filename or 'output'}: the disk is full: free some space and run again")


def fail(message: str) -> None:
    """Print `message` as one line and exit with code 1."""
    print(f"{stage_name()}: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(1)


def stage_name() -> str:
    """The running stage's module, such as `stages.train`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else "darkroom"
