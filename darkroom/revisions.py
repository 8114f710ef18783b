"""Reading files of the pipeline as they were at a revision, without a checkout."""

from pathlib import Path

from darkroom.common.errors import UserError
from darkroom.common.files import parse_yaml

WORKSPACE = "workspace"


def read_at(path: Path, revision: str) -> bytes:
    """Return the content that a file tracked by git or DVC had at a revision.

    It is read from DVC's cache, or from a remote if the cache does not have it.

    Args:
        path: relative to the project's root.
        revision: a git revision, the name of an experiment, or `workspace` for the file as it is now.

    Raises:
        UserError: there is no such revision, it has no such file, or neither the cache nor a remote has the content.
    """
    if revision == WORKSPACE:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; `dvc repro` makes it") from None
    import dvc.api  # imported here, since it takes a second
    from dvc.exceptions import DvcException
    from dvc_data.index import DataIndexDirError
    from scmrepo.exceptions import SCMError

    try:
        with dvc.api.open(path.as_posix(), rev=revision, mode="rb") as file:
            content: bytes = file.read()
            return content
    except DataIndexDirError:
        raise UserError(
            f"{path} of {revision}: is not in DVC's cache here; run `dvc pull` if it was pushed, or `dvc repro` at "
            "that revision"
        ) from None
    except (DvcException, SCMError, FileNotFoundError) as error:
        raise UserError(f"{path} of {revision}: cannot be read ({error}); `dvc exp show` lists the revisions") from None


def recorded_hashes(revision: str) -> dict[str, str]:
    """Return the hash of every output in dvc.lock at a revision, by the output's path. Empty without a dvc.lock.

    Args:
        revision: as of `read_at`.
    """
    try:
        lock = parse_yaml(read_at(Path("dvc.lock"), revision).decode(), f"dvc.lock of {revision}")
    except UserError:
        return {}
    assert isinstance(lock, dict)
    return {output["path"]: output["md5"] for stage in lock["stages"].values() for output in stage.get("outs", [])}
