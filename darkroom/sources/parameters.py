"""Parameters of the stage `fetch`: where a task's archive comes from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from darkroom.common.parameters import Parameters
from darkroom.sources.published import PUBLISHED


class FetchParameters(Parameters):
    """Where the archive of `task` comes from: `archive` where it is given, else `source`."""

    task: str
    source: Literal["sample", "published"]
    archive: str | None = None  # a path or URL of one's own
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None  # of `archive`

    @model_validator(mode="after")
    def _has_a_source(self) -> "FetchParameters":
        if self.archive is None and self.task not in PUBLISHED:
            raise ValueError(f"give `archive`, a path or URL; only {', '.join(PUBLISHED)} do without one")
        if self.archive is None and self.sha256 is not None:
            raise ValueError("`sha256` belongs to `archive`: give both or neither")
        return self
