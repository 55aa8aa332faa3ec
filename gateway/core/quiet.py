"""Watches without subscribers, and which of them makes room: the one that has been quiet longest."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Mapping

from adapters.model import BatchRef
from gateway.core.watched import Watch

_SLACK = 1_000
"""Watches that have ended, kept in the list before they are swept out."""


class Quiet:
    """A list of them that costs little to keep: a watch that has changed since it was listed is put back when met."""

    def __init__(self, watches: Mapping[BatchRef, Watch]) -> None:
        """`watches` are all that there are, now and later."""
        self._watches = watches
        self._list: list[tuple[float, int, Watch]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._list)

    def add(self, watch: Watch) -> None:
        """Nobody is subscribed to it any more."""
        if watch.is_listed:
            return
        if len(self._list) > 2 * len(self._watches) + _SLACK:
            self._list = [entry for entry in self._list if self._lasts(entry[2])]
            heapq.heapify(self._list)
        watch.is_listed = True
        heapq.heappush(self._list, (watch.last_change, next(self._numbers), watch))

    def quietest(self) -> Watch | None:
        """Take the one that has been quiet longest, None where somebody is subscribed to each."""
        while self._list:
            since, _, watch = heapq.heappop(self._list)
            watch.is_listed = False
            if not self._lasts(watch) or watch.is_attended:
                continue
            if watch.last_change == since:
                return watch
            self.add(watch)
        return None

    def _lasts(self, watch: Watch) -> bool:
        return self._watches.get(watch.ref) is watch
