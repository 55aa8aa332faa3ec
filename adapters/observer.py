"""What the funnel tells whoever counts: one record for each call that went out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from adapters.errors import ErrorCode


class Call(NamedTuple):
    """One call to a marketplace, retries counted one by one. Nothing in it is secret."""

    marketplace: str
    account: str
    source: str
    error: ErrorCode | None
    """What went wrong, None where the answer was taken."""
    status: int | None
    """The HTTP status, None where there was no answer."""
    seconds: float


class Observer(Protocol):
    """Is told of every call after it ended."""

    def call_ended(self, call: Call) -> None:
        """Take note; must not raise, and must not wait."""
        ...
