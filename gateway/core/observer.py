"""What the core tells whoever counts, logs or traces. By default nobody does, and nothing is paid for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Final, Protocol

from adapters.model import BatchRef
from gateway.core.state import State


class Answered(Enum):
    """Where an answer came from."""

    HIT = "hit"
    """At hand, and fresh enough."""
    REVALIDATING = "revalidating"
    """At hand, and asked again behind the answer."""
    MISS = "miss"
    """The marketplace had to be asked first."""
    STALE = "stale"
    """After a miss: the marketplace failed, and the last known state was given."""


class WatchEnd(Enum):
    """Why a watch ended."""

    TERMINAL = "terminal"
    ERROR = "error"
    """A failure that will not pass by itself."""
    GAVE_UP = "gave_up"
    """Its deadline came first."""
    HANDED_OVER = "handed_over"
    """Another process goes on with it, and nobody waits for it here."""
    CROWDED_OUT = "crowded_out"
    """Nobody waited for it, and another needed its place."""


class CoreObserver(Protocol):
    """Is told what happens. Its methods must not raise, and must not wait."""

    def hit(self, account: str) -> None:
        """`Answered.HIT`, on the fastest path of all: nothing but counting."""
        ...

    def answered(self, account: str, how: Answered) -> None:
        """Any other way of answering."""
        ...

    def asking(self, ref: BatchRef, *, is_watch: bool, is_joined: bool) -> AbstractContextManager[None]:
        """Around a caller's wait for the marketplace. `is_joined`: somebody else's question is under way."""
        ...

    def changed(self, state: State) -> None:
        """A state was read that differs from the one before it, or is the first."""
        ...

    def detected(self, old: State, new: State, *, is_attended: bool) -> None:
        """A watched batch changed. `is_attended`: somebody is subscribed to it."""
        ...

    def watch_began(self, ref: BatchRef) -> None:
        """A batch is being watched from now on."""
        ...

    def watch_ended(self, ref: BatchRef, why: WatchEnd) -> None:
        """A batch is no longer watched."""
        ...


class Unobserved:
    """Nobody is told."""

    def hit(self, account: str) -> None:
        """Do nothing."""

    def answered(self, account: str, how: Answered) -> None:
        """Do nothing."""

    def asking(self, ref: BatchRef, *, is_watch: bool, is_joined: bool) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing."""
        return _NOTHING

    def changed(self, state: State) -> None:
        """Do nothing."""

    def detected(self, old: State, new: State, *, is_attended: bool) -> None:
        """Do nothing."""

    def watch_began(self, ref: BatchRef) -> None:
        """Do nothing."""

    def watch_ended(self, ref: BatchRef, why: WatchEnd) -> None:
        """Do nothing."""


_NOTHING: Final = nullcontext()
UNOBSERVED: Final = Unobserved()
