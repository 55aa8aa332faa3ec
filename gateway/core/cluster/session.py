"""The replica as a member: alive as long as it says so in time, which is what all its leases hang on.

One beat renews everything at once, so that leases cost the same for one batch and for ten thousand.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Final, NamedTuple

from adapters.clock import Clock
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.membership import BEAT, KNOCK, LEAVE
from gateway.core.cluster.shares import Share

_ALIVE: Final = 0.6
"""Share of the lease for which a beat keeps a member alive; the rest is for noticing its end and taking over."""
_RHYTHM: Final = 0.15
"""Share of the lease between two beats."""
EXTENDED: Final = 600.0
"""Seconds for which a member that was lost may use its part of all the budgets …"""
RESERVED: Final = 86_400.0
"""… and its part of the reserves."""
_MARGIN: Final = 60.0
"""Seconds for which both are kept longer than they are used, at least: calls last, and windows are open for a while."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one lease, in seconds."""

    lease: float

    @property
    def alive(self) -> float:
        """How long a beat keeps a member alive."""
        return self.lease * _ALIVE

    @property
    def rhythm(self) -> float:
        """From one beat to the next."""
        return self.lease * _RHYTHM


class Beat(NamedTuple):
    """What a beat has told."""

    has_lapsed: bool
    """The member had not been alive: others may have taken its batches."""
    alive: tuple[str, ...]
    """Sessions of the other members."""
    gone: tuple[str, ...]
    """Sessions that are dead and have left batches behind."""
    held: int
    """Batches that are this member's, as the server has it."""


class Session:
    """One life of one replica."""

    def __init__(self, name: str, timing: Timing, link: Link, keys: Keys, clock: Clock) -> None:
        self.id = f"{name}/{secrets.token_hex(5)}"
        self.timing = timing
        self.reserved = Share(clock.monotonic())
        """The part of the reserves that is this member's."""
        self.extended = Share(clock.monotonic())
        """The part of what all may spend that is this member's while the server is lost."""
        self.known = 1
        """Members that are counted: the living, and those whose share is still kept for them."""
        self.alive: tuple[str, ...] = ()
        self._name = name
        self._link = link
        self._keys = keys
        self._clock = clock
        self._born = clock.monotonic()
        self._valid_until: float | None = None
        self._counted_until = clock.monotonic()
        self.margin = _MARGIN
        """Seconds for which what a lost member may use is kept longer than that."""
        self.quiet = 0.0
        """Seconds for which a lost member surely uses its part of the reserves only."""
        self._heard: tuple[int, float] | None = None
        """The server's time (ms) as of the last beat, and when that beat was sent."""
        self.is_returning = False
        """True while it is on its way back, and must not use what is kept for the lost."""

    @property
    def now(self) -> float:
        """The steady clock, in seconds."""
        return self._clock.monotonic()

    @property
    def is_valid(self) -> bool:
        """True while nobody can have taken over from this member."""
        return self._valid_until is not None and self._clock.monotonic() < self._valid_until

    @property
    def lapsed_for(self) -> float | None:
        """Seconds since it was last valid; None where it never was."""
        return None if self._valid_until is None else self._clock.monotonic() - self._valid_until

    @property
    def out_for(self) -> float:
        """Seconds since the server cannot count this member among the living any more, whatever has reached it."""
        return self._clock.monotonic() - self._counted_until

    async def knock(self) -> None:
        """See whether the server answers, without being counted among the living. Raises `ServerAway`."""
        await self._link.probe(KNOCK, [self._keys.members])

    async def beat(self) -> Beat:
        """Say that this member lives. Raises `ServerAway`; the server may have heard it all the same."""
        keys, began = self._keys, self._clock.monotonic()
        lapsed = self.lapsed_for
        if lapsed is not None and lapsed > EXTENDED:
            self.extended.change(began, 0.0)  # others may have been given it
        self._counted_until = began + self.timing.alive
        at, has_lapsed, shares, known, alive, gone, held = await self._link.probe(
            BEAT,
            [keys.members, keys.opens, keys.away, keys.owners],
            self.id,
            self._name,
            int(self.timing.alive * 1000),
            f"{self.reserved.now:.9f}",
            int(self._valid_until is not None),
            int(2 * self.timing.rhythm * 1000),
            int((EXTENDED + self.margin) * 1000),
            int((RESERVED + self.margin) * 1000),
            keys.owned(""),
            int(self.margin * 1000),
            int(self.quiet * 1000),
            self._sent(began),
            f"{self.extended.now:.9f}",
            int((began - self._born) * 1000),
        )
        self._heard = int(at), began
        self._valid_until = began + self.timing.alive
        self._change(*map(float, shares))
        self.known = int(known)
        self.alive = tuple(sorted(one.decode() for one in alive))
        return Beat(bool(has_lapsed), self.alive, tuple(one.decode() for one in gone), int(held))

    def _sent(self, at: float) -> int:
        """The latest that a moment may be on the server's clock (ms); 0 where that is not known."""
        if self._heard is None:
            return 0
        heard, sent = self._heard
        return heard + 1 + math.ceil((at - sent) * 1000)

    def _change(self, reserved: float, extended: float) -> None:
        now = self._clock.monotonic()
        self.reserved.change(now, reserved)
        self.extended.change(now, extended)

    async def leave(self, message: bytes) -> None:
        """Say that it lives no longer: others take over at once. Raises `ServerAway`."""
        self._valid_until = None
        self._change(0.0, 0.0)
        await self._link.probe(LEAVE, [self._keys.members, self._keys.news], self.id, message)
