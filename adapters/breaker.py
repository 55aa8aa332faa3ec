"""A breaker per account: stops asking a marketplace that does not answer, and finds out with one probe when it does.

CLOSED ── too many failures ──▶ OPEN ── pause over ──▶ HALF_OPEN ── probe answered ──▶ CLOSED
                                 ▲                         │
                                 └────── probe failed ─────┘  (a longer pause each time)

A failure is a call without an answer, a 5xx, or an answer that took too long. A 4xx is an answer. Pure arithmetic:
the time is given with every call.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

import msgspec

from adapters.upstream import UpstreamLimits

_LONGEST_PAUSE: Final = 8
"""Times the first pause."""
_PROBE_PAUSE: Final = 1.0
"""Seconds after which to ask again while a probe is out."""
_SEEN: Final = 1_000
"""Calls that are remembered at most."""


class BreakerState(Enum):
    """Whether calls go out."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Pass(msgspec.Struct, frozen=True):
    """Permission for one call. Give it back with what became of the call."""

    era: int
    """Counts openings and closings: a call that began in another era says nothing about this one."""
    is_probe: bool


class Breaker:
    """Whether an account's calls may go out. Every `Pass` must be given back, by `record` or `abandon`."""

    __slots__ = ("_calls", "_era", "_failures", "_limits", "_open_until", "_pauses", "_probing")

    def __init__(self, limits: UpstreamLimits) -> None:
        self._limits = limits
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._open_until: float | None = None
        self._pauses = 0
        self._probing = False
        self._era = 0

    def state(self, now: float) -> BreakerState:
        """Where the breaker stands."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def closed_for(self, now: float) -> float | None:
        """None where a call may go out now, else seconds after which asking again makes sense."""
        if self._open_until is None:
            return None
        if now < self._open_until:
            return self._open_until - now
        return _PROBE_PAUSE if self._probing else None

    def enter(self, now: float) -> Pass | None:
        """Permission for a call now, or None. Half-open, one call is let through at a time."""
        if self.closed_for(now) is not None:
            return None
        self._probing = is_probe = self._open_until is not None
        return Pass(self._era, is_probe)

    def abandon(self, given: Pass) -> None:
        """The call ended without telling anything: its caller left. The next one may probe at once."""
        if given.is_probe and given.era == self._era:
            self._probing = False

    def record(self, given: Pass, now: float, *, failed: bool, pause: float | None = None) -> None:
        """What became of the call. `pause` is what the marketplace asked for in seconds, where it did."""
        if given.era != self._era:
            return
        if given.is_probe:
            self._open(now, pause) if failed else self._close()
            return
        self._count(now, failed=failed)
        enough = self._failures >= self._limits.breaker_failures
        if failed and enough and self._failures >= self._limits.breaker_share * len(self._calls):
            self._open(now, pause)

    def _count(self, now: float, *, failed: bool) -> None:
        calls = self._calls
        oldest = now - self._limits.breaker_window
        while calls and (calls[0][0] < oldest or len(calls) == _SEEN):
            self._failures -= calls.popleft()[1]
        calls.append((now, failed))
        self._failures += failed

    def _open(self, now: float, pause: float | None) -> None:
        usual = self._limits.breaker_pause * min(_LONGEST_PAUSE, 2**self._pauses)
        self._open_until = now + max(usual, pause or 0.0)
        self._pauses = min(self._pauses + 1, _LONGEST_PAUSE)
        self._turn()

    def _close(self) -> None:
        self._open_until = None
        self._pauses = 0
        self._turn()

    def _turn(self) -> None:
        self._calls.clear()
        self._failures = 0
        self._probing = False
        self._era += 1
