"""Answers that browsers may keep: those to GET queries that read nothing but batches which have ended.

Whoever reads a batch for such a query is watched: a reading that is stale or still moving, a failure, or a look at
anything else (limits, health, what is watched) makes the answer one for the moment alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from adapters.model import BatchRef
from gateway.core.batches import Batches, Look
from gateway.core.state import Reading, State
from gateway.core.watch import Watches
from gateway.core.witness import Door, WitnessedBatches
from gateway.transports.negotiation import Media
from gateway.transports.responses import Header
from schema.context import Context

_VARY: Final = b"Accept, Authorization"


class Seen:
    """What a query has read so far."""

    def __init__(self) -> None:
        self._is_any = False
        self._is_lasting = True
        self.is_settled = True
        """False where a marketplace may still refine what it said, or the client wants it asked anew."""

    @property
    def is_terminal(self) -> bool:
        """True where all that was read are batches that have ended."""
        return self._is_any and self._is_lasting

    def take(self, _: BatchRef, max_age: float | None, reading: Reading) -> None:
        """A batch was read."""
        self._is_any = True
        if reading.is_stale or not reading.snapshot.is_terminal:
            self._is_lasting = False
        elif not reading.snapshot.is_settled or max_age is not None:
            self.is_settled = False

    def spoil(self) -> None:
        """Something was read that changes at any moment, or could not be read."""
        self._is_lasting = False


class _Batches(WitnessedBatches):
    """`Batches` for one query."""

    __slots__ = ()

    def at_hand(self, ref: BatchRef) -> State | None:
        """As `Batches.at_hand`, by which others tell whether an answer lasts: it shows nothing to the query."""
        return self._inner.at_hand(ref)


class _Watches(Door):
    """`Watches` for one query: what was waited for is noted."""

    __slots__ = ()

    _inner: Watches

    async def wait(self, refs: Sequence[BatchRef], seconds: float, *, until_all: bool) -> Mapping[BatchRef, Look]:
        """As `Watches.wait`."""
        looks = await self._inner.wait(refs, seconds, until_all=until_all)
        for ref, look in looks.items():
            if look.error is not None or look.reading is None:
                self._witness.spoil()
            else:
                self._witness.take(ref, None, look.reading)
        return looks


class Lasting:
    """One query, watched."""

    def __init__(self, context: Context, max_age: int, *, is_shared: bool) -> None:
        self._seen = Seen()
        self._max_age = max_age
        self._is_shared = is_shared
        self.context: object = replace(
            context,
            batches=cast("Batches", _Batches(context.batches, self._seen)),
            watches=cast("Watches", _Watches(context.watches, self._seen)),
        )

    def validators(self, body: bytes, media: Media) -> tuple[Header, ...]:
        """`etag`, `cache-control` and `vary` for an answer that lasts; nothing for another."""
        if not self._seen.is_terminal or b'"errors":[' in body:
            return ()
        tag = hashlib.blake2b(body, digest_size=16, person=media.name.encode())
        whose = "public" if self._is_shared else "private"
        life = f"max-age={self._max_age}" if self._seen.is_settled and self._max_age else "no-cache"
        return (
            (b"etag", f'"{tag.hexdigest()}"'.encode()),
            (b"cache-control", f"{whose}, {life}".encode()),
            (b"vary", _VARY),
        )


class LastingAnswers:
    """Watches queries over GET. `max_age` is in seconds; `is_shared` lets caches between keep answers too."""

    def __init__(self, max_age: int, *, is_shared: bool) -> None:
        self._max_age = max_age
        self._is_shared = is_shared

    def witness(self, context: object) -> Lasting:
        """Watch the query that is about to run with this context."""
        return Lasting(cast("Context", context), self._max_age, is_shared=self._is_shared)
