"""Who asks for a watched batch: this process where it is alone, or one of several, which tells the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from adapters.errors import BatchError
from adapters.model import BatchRef


class Watcher(Protocol):
    """The watches of this process, as a `Duty` sees them. Nothing here waits, but for `adopt`."""

    def hold(self, ref: BatchRef) -> None:
        """Ask for this batch from now on."""
        ...

    def lose(self, ref: BatchRef) -> None:
        """Somebody else asks for it: only listen."""
        ...

    def begun(self, ref: BatchRef, age: float) -> None:
        """The batch has been watched for `age` seconds, by somebody."""
        ...

    async def adopt(self, ref: BatchRef, age: float) -> None:
        """Watch a batch that nobody asks for any more, `age` seconds after its watch began."""
        ...

    def fail(self, ref: BatchRef, error: BatchError, *, is_final: bool) -> None:
        """Whoever asks for it has met a failure."""
        ...

    def is_watched(self, ref: BatchRef) -> bool:
        """True where a batch is being watched here."""
        ...

    def watched(self) -> Sequence[BatchRef]:
        """All batches that are being watched here."""
        ...


class Duty(Protocol):
    """Decides which of the watched batches this process asks for."""

    def bind(self, watcher: Watcher) -> None:
        """Decide for these watches."""
        ...

    def want(self, ref: BatchRef, age: float) -> None:
        """A batch is watched here now, for `age` seconds already. `Watcher.hold` follows where it is ours."""
        ...

    def is_ours(self, ref: BatchRef) -> bool:
        """True where this process may ask for it at this moment."""
        ...

    def failed(self, ref: BatchRef, error: BatchError, *, is_final: bool) -> None:
        """It was asked for, and that failed."""
        ...

    def drop(self, ref: BatchRef) -> None:
        """It is no longer watched here; others may go on."""
        ...

    def finish(self, ref: BatchRef) -> None:
        """Its watch has ended."""
        ...


class Alone:
    """A process without others asks for everything."""

    _watcher: Watcher

    def bind(self, watcher: Watcher) -> None:
        """Decide for these watches."""
        self._watcher = watcher

    def want(self, ref: BatchRef, age: float) -> None:  # noqa: ARG002 - nobody has watched it before
        """It is ours at once."""
        self._watcher.hold(ref)

    def is_ours(self, ref: BatchRef) -> bool:  # noqa: ARG002 - all are
        """Return True."""
        return True

    def failed(self, ref: BatchRef, error: BatchError, *, is_final: bool) -> None:
        """Tell nobody: there is nobody else."""

    def drop(self, ref: BatchRef) -> None:
        """Do nothing."""

    def finish(self, ref: BatchRef) -> None:
        """Do nothing."""
