"""Tickets: how an EventSource, which cannot set headers, shows who it is without a token in an address.

A page asks for a ticket with its token, and opens `/graphql?…&ticket=…` with it. A ticket lets in once and within a
minute, so that one found in a log or a history is worth nothing.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Final

from adapters.clock import Clock
from gateway.access.members import Member
from gateway.access.tokens import digest

LIFETIME: Final = 60.0
"""Seconds."""


class Tickets:
    """Tickets that were given out and not used yet, as digests; a client holds `each` of them at most."""

    def __init__(self, clock: Clock, each: int) -> None:
        self._clock = clock
        self._each = each
        self._open: dict[str, tuple[float, Member]] = {}
        """In the order in which they end."""
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, member: Member) -> str | None:
        """A new ticket, or None where the client holds as many as it may."""
        self._drop_ended()
        if self._held[member.name] >= self._each:
            return None
        ticket = secrets.token_urlsafe(32)
        self._open[digest(ticket)] = self._clock.monotonic() + LIFETIME, member
        self._held[member.name] += 1
        return ticket

    def redeem(self, ticket: str) -> Member | None:
        """Who the ticket was given to; it is used up by this."""
        self._drop_ended()
        return self._take(digest(ticket))

    def drop(self, is_out: Callable[[Member], bool]) -> None:
        """Take back the tickets of clients that are no longer let in."""
        for key in [key for key, (_, member) in self._open.items() if is_out(member)]:
            self._take(key)

    def _drop_ended(self) -> None:
        now = self._clock.monotonic()
        while self._open:
            key, (until, _) = next(iter(self._open.items()))
            if until > now:
                return
            self._take(key)

    def _take(self, key: str) -> Member | None:
        _, member = self._open.pop(key, (0.0, None))
        if member is not None:
            self._held[member.name] -= 1
            if not self._held[member.name]:
                del self._held[member.name]
        return member
