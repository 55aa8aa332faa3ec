"""What the transports tell whoever counts: operations, and streams from their first to their last moment."""

from __future__ import annotations

from typing import Final, Protocol


class TransportObserver(Protocol):
    """Is told what clients do. Its methods must not raise, and must not wait."""

    def operation(self, kind: str) -> None:
        """An operation is about to run: `query`, `mutation` or `subscription`."""
        ...

    def refused(self) -> None:
        """A document was not run: it is wrong, or beyond the limits."""
        ...

    def stream_began(self, transport: str) -> None:
        """A stream stands: `sse`, `multipart` or `websocket`."""
        ...

    def stream_ended(self, transport: str, why: str) -> None:
        """It is over: `completed`, `failed`, or the name of an `Ending` in lower case."""
        ...


class Unobserved:
    """Nobody is told."""

    def operation(self, kind: str) -> None:
        """Do nothing."""

    def refused(self) -> None:
        """Do nothing."""

    def stream_began(self, transport: str) -> None:
        """Do nothing."""

    def stream_ended(self, transport: str, why: str) -> None:
        """Do nothing."""


UNOBSERVED: Final = Unobserved()
