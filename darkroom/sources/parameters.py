"""Parameters of the stage `fetch`: where a task's archive comes from."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from darkroom.common.parameters import Parameters, nearest
from darkroom.sources.dataset import dataset_names


def _check_dataset(name: str) -> str:
    if name not in dataset_names():
        raise ValueError(f"names no data set; {nearest(name, dataset_names())}")
    return name


class FetchParameters(Parameters):
    """Where the archive comes from: `archive` if it is given, else `dataset`."""

    source: Literal["sample", "published"]
    """`sample`: draw the data set's sample, without a network. `published`: download the data set."""

    dataset: Annotated[str, AfterValidator(_check_dataset)] | None = None
    """The name of a published data set. Several tasks can share one."""

    archive: str | None = None
    """Path or URL of an archive of your own, or path of a folder, used instead of `dataset`."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 checksum of `archive`. `null`: the archive is not checked."""

    @model_validator(mode="after")
    def _check_source(self) -> "FetchParameters":
        if self.archive is None and self.dataset is None:
            known = ", ".join(dataset_names())
            raise ValueError(f"give `dataset`, one of {known}; or `archive`, a path or URL")
        if self.archive is None and self.sha256 is not None:
            raise ValueError("`sha256` belongs to `archive`: give both or neither")
        return self


class DownloadParameters(Parameters):
    """Parameters that do not change what is fetched. Changing them fetches nothing again."""

    mirror: str | None = Field(default=None, min_length=1)
    """Where published files are looked for first, by their names: a base URL, or the path of a folder."""
