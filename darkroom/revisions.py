"""Files of the pipeline as they were at a revision, without a checkout."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import parse_yaml

WORKSPACE = "workspace"


def read_at(path: Path, revision: str) -> bytes:
    """The content of a file that git or DVC keeps, from DVC's cache or remote where it has to be.

    Args:
        revision: of git, the name of an experiment, or `workspace` for the file that lies there.

    Raises:
        UserError: no such revision, or it has no such file, or the file is neither in the cache nor in a remote.
    """
    if revision == WORKSPACE:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    import dvc.api  # here, since it takes a second
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError
    from scmrepo.exceptions import SCMError

    try:
        with dvc.api.open(path.as_posix(), rev=revision, mode="rb") as file:
            return file.read()
    except DataIndexDirError:
        raise UserError(
            f"{path} of {revision}: is not in DVC's cache here; `dvc pull` where it was pushed, or `dvc repro` there"
        ) from None
    except (DvcException, SCMError, FileNotFoundError) as error:
        raise UserError(f"{path} of {revision}: cannot be read ({error}); `dvc exp show` lists them") from None


def recorded_hashes(revision: str) -> dict[str, str]:
    """The hash of every output in dvc.lock at a revision, by its path; empty where there is no dvc.lock.

    Args:
        revision: as of `read_at`.
    """
    try:
        lock = parse_yaml(read_at(Path("dvc.lock"), revision).decode(), f"dvc.lock of {revision}")
    except UserError:
        return {}
    return {output["path"]: output["md5"] for stage in lock["stages"].values() for output in stage.get("outs", [])}
