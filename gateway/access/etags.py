"""Answers that browsers may keep: those to GET queries that read nothing but batches which have ended.

Whoever reads a batch for such a query is watched: a reading that is stale or still moving, a failure, or a look at
anything else (limits, health, what is watched) makes the answer one for the moment alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from adapters.model import BatchRef
from gateway.core.accounts import EVERYTHING, Scope
from gateway.core.batches import Batches, Look
from gateway.core.state import Reading, State
from gateway.core.watch import Watches
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

    def note(self, reading: Reading | None, max_age: float | None = None) -> None:
        """A batch was read, or could not be."""
        self._is_any = True
        if reading is None or reading.is_stale or not reading.snapshot.is_terminal:
            self._is_lasting = False
        elif not reading.snapshot.is_settled or max_age is not None:
            self.is_settled = False

    def spoil(self) -> None:
        """Something was read that changes at any moment."""
        self._is_lasting = False


class WitnessedBatches:
    """`Batches` for one query, noting what is read. Anything but reading spoils the answer."""

    def __init__(self, batches: Batches, seen: Seen) -> None:
        self._batches = batches
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        self._seen.spoil()
        return getattr(self._batches, name)

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        """As `Batches.resolve`; a refusal is no lasting answer."""
        try:
            return self._batches.resolve(source, batch_id, account, scope)
        except Exception:
            self._seen.spoil()
            raise

    def peek(self, ref: BatchRef, max_age: float | None = None) -> Reading | None:
        """As `Batches.peek`."""
        reading = self._batches.peek(ref, max_age)
        if reading is not None:
            self._seen.note(reading, max_age)
        return reading

    def at_hand(self, ref: BatchRef) -> State | None:
        """As `Batches.at_hand`, by which others tell whether an answer lasts: it shows nothing to the query."""
        return self._batches.at_hand(ref)

    async def get(self, ref: BatchRef, max_age: float | None = None) -> Reading:
        """As `Batches.get`."""
        try:
            reading = await self._batches.get(ref, max_age)
        except Exception:
            self._seen.spoil()
            raise
        self._seen.note(reading, max_age)
        return reading

    async def look(self, ref: BatchRef, max_age: float | None = None) -> Look:
        """As `Batches.look`."""
        look = await self._batches.look(ref, max_age)
        self._seen.note(look.reading if look.error is None else None, max_age)
        return look


class WitnessedWatches:
    """`Watches` for one query: what was waited for is noted."""

    def __init__(self, watches: Watches, seen: Seen) -> None:
        self._watches = watches
        self._seen = seen

    def __getattr__(self, name: str) -> Any:
        self._seen.spoil()
        return getattr(self._watches, name)

    async def wait(self, refs: Sequence[BatchRef], seconds: float, *, until_all: bool) -> Mapping[BatchRef, Look]:
        """As `Watches.wait`."""
        looks = await self._watches.wait(refs, seconds, until_all=until_all)
        for look in looks.values():
            self._seen.note(look.reading if look.error is None else None)
        return looks


class Lasting:
    """One query, watched."""

    def __init__(self, context: Context, max_age: int, *, is_shared: bool) -> None:
        self._seen = Seen()
        self._max_age = max_age
        self._is_shared = is_shared
        self.context: object = replace(
            context,
            batches=cast("Batches", WitnessedBatches(context.batches, self._seen)),
            watches=cast("Watches", WitnessedWatches(context.watches, self._seen)),
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
