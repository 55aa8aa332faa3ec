"""Who keeps knocking without being let in: counted for each address, so that guessing tokens ends in 429.

Addresses are shared, by offices and by proxies that nobody listed: so a good token is let in from any of them, whatever
the others there send. Tokens of 256 random bits are not guessed; what is saved is work, and what is gained is a word.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from adapters.clock import Clock
from gateway.access.members import network_of

_log: Final = logging.getLogger(__name__)

_WINDOW: Final = 60.0
"""Seconds."""
_ADDRESSES: Final = 10_000
"""Addresses that are remembered, those that were quiet longest out first."""


@dataclass(slots=True)
class _Count:
    since: float
    number: int = 0


class Refusals:
    """Counts refusals; `most` is how many an address may have in a minute."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, address: str | None) -> int | None:
        """Count one. Returns the seconds to wait where it was one too many, None otherwise."""
        network, now = network_of(address), self._clock.monotonic()
        found = self._counts.get(network)
        if found is None or now - found.since >= _WINDOW:
            found = self._counts[network] = _Count(now)
            if len(self._counts) > _ADDRESSES:
                self._counts.popitem(last=False)
        self._counts.move_to_end(network)
        found.number += 1
        if found.number <= self._most:
            return None
        if found.number == self._most + 1:
            fields = {"address": network, "refusals": found.number, "seconds": round(now - found.since, 1)}
            _log.warning("access.guessing", extra={"fields": fields})
        return math.ceil(found.since + _WINDOW - now)
