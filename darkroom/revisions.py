"""Read files of the pipeline at another revision, without a checkout."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import parse_yaml

WORKSPACE = "workspace"  # the name of a revision: the files as they are now


def read_at(path: Path, revision: str) -> bytes:
    """Return the content of a file that git or DVC tracks. DVC's files come from its cache or remote.

    Args:
        path: of the file, relative to the project's root.
        revision: a git revision, the name of an experiment, or `workspace`.

    Raises:
        UserError: there is no such revision or file, or the file is neither in DVC's cache nor in a remote.
    """
    if revision == WORKSPACE:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; run `dvc repro`") from None
    import dvc.api  # here, since it takes a second; it passes on the exceptions of scmrepo and dvc-data, its libraries
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError
    from scmrepo.exceptions import SCMError

    try:
        with dvc.api.open(path.as_posix(), rev=revision, mode="rb") as file:
            content: bytes = file.read()
            return content
    except DataIndexDirError:
        raise UserError(
            f"{path} of {revision}: is not in DVC's cache; run `dvc pull`, or `dvc repro` at that revision"
        ) from None
    except (DvcException, SCMError, FileNotFoundError) as error:
        raise UserError(
            f"{path} of {revision}: cannot be read ({error}); `dvc exp show` lists the experiments"
        ) from None


def recorded_hashes(revision: str) -> dict[str, str]:
    """Return the hash of each output in dvc.lock at a revision, by the output's path; empty if there is no dvc.lock.

    Args:
        revision: as for `read_at`.
    """
    try:
        lock = parse_yaml(read_at(Path("dvc.lock"), revision).decode(), f"dvc.lock of {revision}")
    except UserError:
        return {}
    assert isinstance(lock, dict), "DVC writes a dictionary"
    return {output["path"]: output["md5"] for stage in lock["stages"].values() for output in stage.get("outs", [])}
