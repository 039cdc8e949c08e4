"""What a plugin may reach: nothing of it outlives the task."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orc_domain.config import SecretRef
from orc_domain.run_messages import RunWindow
from orc_executor.frames import LoadLimits
from orc_executor.underway import Underway

if TYPE_CHECKING:
    import httpx


class Context:
    """What extractors and loaders have in common; a block around it closes what was opened."""

    def __init__(self, underway: Underway) -> None:
        self._underway = underway
        self._client: httpx.Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    def secret(self, reference: SecretRef) -> str:
        """Return a secret, for as long as it is needed; it is taken out of whatever is said of the task."""
        return self._underway.reach.secrets.resolve(reference).reveal()

    @property
    def http(self) -> "httpx.Client":
        """
        A client whose connections are judged: it reaches what ORC_EGRESS_ALLOW lets it, and goes through no proxy.

        It follows redirects, waits 60 s at most for a byte, and takes `limits.page_bytes_max` of an answer, streamed
        ones `limits.spool_bytes_max`. Raises SourceUnavailable, AddressRefused, WrongShape.
        """
        if self._client is None:
            from orc_executor.plugins.http import JudgedClient  # noqa: PLC0415 - only those who ask need it

            underway = self._underway
            self._client = JudgedClient(underway.reach.egress, self.limits, underway.check_stop)
        return self._client

    @property
    def limits(self) -> LoadLimits:
        """What the task may use."""
        return self._underway.order.limits

    @cached_property
    def scratch(self) -> Path:
        """A folder for what does not fit into memory, empty at first and removed with the task."""
        return self._underway.plain_folder()

    def check_stop(self) -> None:
        """Raise what must not be caught when the task is to end; to be asked wherever work goes on for long."""
        self._underway.check_stop()


class ExtractContext(Context):
    """What an extractor may reach."""

    percent: float | None = None
    """How far it is, for those who watch; to be set where a total is known."""

    def __init__(self, underway: Underway, cursor: str | None) -> None:
        super().__init__(underway)
        self.cursor = cursor
        """Where the last run ended, as text, or `incremental.initial`; None extracts everything."""
        self.window: RunWindow | None = underway.order.window
        """The span that a backfill's run is for; it counts in place of the cursor."""

    def files(self, path: str) -> list[Path]:
        """Return the files that a path or glob names, in the data folder or a file root, by name; raises TaskError."""
        underway = self._underway
        found = underway.reach.folders.sources(path, underway.order.limits.files_max)
        return [Path(file.path) for file in found]

    def progress(self, *, bytes_read: int) -> None:
        """Tell of bytes that were read since the last time; rows are counted as they are yielded."""
        self._underway.bytes += bytes_read


class LoadContext(Context):
    """What a loader may reach."""

    def file(self, path: str) -> Path:
        """Return the file of this path in the data folder, which need not exist; raises PathRefused, TargetUnusable."""
        return Path(self._underway.reach.folders.target(path))

    @property
    def load_id(self) -> str:
        """The id of the run, the same in each of its attempts."""
        return str(self._underway.order.run_id)
