"""A replica's share of something, which changes as replicas come and go, and since when it has been so much."""

from __future__ import annotations

from collections import deque
from typing import Final

_CHANGES: Final = 64
"""Changes that are remembered; beyond them the share counts as 0."""


class Share:
    """A part between 0 and 1, and what it was before. All times are seconds on one steady counter."""

    def __init__(self, at: float) -> None:
        self._changes: deque[tuple[float, float]] = deque([(at, 0.0)], maxlen=_CHANGES)
        """When it changed, and to what."""

    @property
    def now(self) -> float:
        """What it is."""
        return self._changes[-1][1]

    def change(self, at: float, share: float) -> None:
        """From now on it is this."""
        if share != self.now:
            self._changes.append((at, share))

    def usable(self, since: float) -> float:
        """What has been this replica's for so long: as long as the calls count that another made with it before."""
        least = self.now
        for at, share in reversed(self._changes):
            least = min(least, share)
            if at <= since:
                return least
        return 0.0
