"""What the sandbox was asked: the counters that tests, benchmarks and the curious read."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from typing import Final, NamedTuple

_MOST_IDS: Final = 200_000
_MOST_CALLS: Final = 10_000


class Asked(NamedTuple):
    """What a call was about."""

    marketplace: str
    source: str
    id: str


class Answered(NamedTuple):
    """One call that was answered: when it came (seconds since the epoch), about what, and the status sent."""

    at: float
    asked: Asked
    status: int


class Tally:
    """Counts calls as they come in and go out. Bounded: the ids asked longest ago are forgotten first."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Start again at nought; calls in flight stay counted as such."""
        self.total = 0
        self.peak = self.in_flight
        self.statuses: dict[str, Counter[int]] = {}
        self.recent: deque[Answered] = deque(maxlen=_MOST_CALLS)
        self._calls: OrderedDict[Asked, int] = OrderedDict()

    def come(self, asked: Asked | None) -> None:
        """A call came in; about nothing where it was not let in or went astray."""
        self.total += 1
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        if asked is None:
            return
        self._calls[asked] = self._calls.get(asked, 0) + 1
        self._calls.move_to_end(asked)
        if len(self._calls) > _MOST_IDS:
            self._calls.popitem(last=False)

    def go(self, marketplace: str, asked: Asked | None, at: float, status: int) -> None:
        """It is being answered. `at` is when it came."""
        self.in_flight -= 1
        self.statuses.setdefault(marketplace, Counter())[status] += 1
        self.recent.append(Answered(at, asked or Asked(marketplace, "", ""), status))

    def calls(self, marketplace: str | None = None, batch_id: str | None = None, source: str | None = None) -> int:
        """How many calls were about this id, marketplace or source; about anything where none is named."""
        return sum(count for _, count in self.listed(marketplace, batch_id, source))

    def listed(
        self, marketplace: str | None = None, batch_id: str | None = None, source: str | None = None
    ) -> Iterator[tuple[Asked, int]]:
        """The ids that were asked and how often, oldest first."""
        for asked, count in self._calls.items():
            if (
                (marketplace is None or asked.marketplace == marketplace)
                and (batch_id is None or asked.id == batch_id)
                and (source is None or asked.source == source)
            ):
                yield asked, count
