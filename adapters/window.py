"""How fast an account may be asked: the arithmetic of windows with burst, and of a pace that throttling lowers.

The limit is the marketplace's, and what counts is when a call arrives there. So a call takes its place in the window
from its start until a window's length after its *end*: whatever connecting and the network add, no window of the
stated length sees more arrivals than the limit. The price is a little throughput (latency ÷ window).
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final, NamedTuple, Self

_FORM: Final = re.compile(
    r"\s*(?P<calls>[0-9]{1,7})\s*/\s*(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?)?\s*"
    r"(?P<unit>ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\s*",
    re.IGNORECASE,
)
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_SLOWEST: Final = 1 / 16
"""The least share of the limit that throttling leaves."""
_RECOVERY: Final = 120.0
"""Seconds in which a pace comes back from nothing to the whole limit."""


class Limit(NamedTuple):
    """At most `calls` in any window of `seconds`."""

    calls: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `50/10s`, `5/s`, `1000/min`, `100/2h`. Raises `ValueError` that says how to write one."""
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError('write a limit as calls per window, for example "50/10s", "5/s" or "1000/min"')
        unit = form["unit"].lower()
        scale = _UNITS["ms"] if unit == "ms" else _UNITS[unit[0]]
        limit = cls(int(form["calls"]), float(form["number"] or 1) * scale)
        if limit.calls < 1 or limit.seconds <= 0:
            raise ValueError("a limit needs at least one call and a window longer than nothing")
        return limit

    def __str__(self) -> str:
        return f"{self.calls} per {self.seconds:g} s"


class Window:
    """The arithmetic of one account: when may the next call start? All times are seconds on one steady counter."""

    __slots__ = ("_cut_at", "_ends", "_paused_until", "_running", "_share", "limit")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._ends: deque[float] = deque()
        self._running = 0
        self._paused_until = float("-inf")
        self._share = 1.0
        self._cut_at = float("-inf")

    def wait(self, now: float) -> float | None:
        """Seconds until a call may start, 0 for now; None where it depends on the end of calls that still run."""
        calls, seconds = self._pace(now)
        pause = max(0.0, self._paused_until - now)
        recent = self._recent(now, seconds)
        over = self._running + recent - calls + 1
        if over <= 0:
            return pause
        if over > recent:
            return None
        free = self._ends[over - recent - 1] + seconds
        return max(pause, free - now)

    def start(self) -> None:
        """A call starts."""
        self._running += 1

    def end(self, now: float) -> None:
        """A call that was made has ended, however."""
        self._running -= 1
        self._ends.append(now)

    def cancel(self) -> None:
        """A call that was started has not gone out."""
        self._running -= 1

    def left(self, now: float) -> int:
        """Calls that may start at this moment."""
        if self._paused_until > now:
            return 0
        calls, seconds = self._pace(now)
        return max(0, calls - self._running - self._recent(now, seconds))

    def used(self, now: float) -> int:
        """Calls that take a place at this moment."""
        return self._running + self._recent(now, self._pace(now).seconds)

    def throttled(self, now: float, started: float, pause: float) -> None:
        """The marketplace answered a call, begun at `started`, with "too many": pause, then go at half the pace.

        Calls that began before the last cut were part of the same burst and cut no further.
        """
        self._paused_until = max(self._paused_until, now + pause)
        if started >= self._cut_at:
            self._share = max(_SLOWEST, self._recovered(now) / 2)
            self._cut_at = now

    def _recovered(self, now: float) -> float:
        if self._share >= 1.0:
            return 1.0
        return min(1.0, self._share + max(0.0, now - max(self._cut_at, self._paused_until)) / _RECOVERY)

    def _pace(self, now: float) -> Limit:
        share = self._share if self._share >= 1.0 else self._recovered(now)
        if share >= 1.0:
            self._share = 1.0
            return self.limit
        calls = self.limit.calls * share
        # below one call a window the window grows; neither ever exceeds the limit itself
        return Limit(max(1, int(calls)), self.limit.seconds / min(1.0, calls))

    def _recent(self, now: float, seconds: float) -> int:
        """Ended calls that still take a place; they are the last ones of `_ends`."""
        ends = self._ends
        horizon = self.limit.seconds if self._share >= 1.0 else self.limit.seconds / _SLOWEST
        while ends and (ends[0] + horizon <= now or len(ends) > self.limit.calls):
            ends.popleft()
        if self._share >= 1.0:
            return len(ends)
        return sum(1 for end in ends if end + seconds > now)
