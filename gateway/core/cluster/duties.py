"""Which watched batches are this replica's to ask for: those whose lease its session holds.

While the server is lost, every replica asks for what it watches, within its share of the budget; afterwards the leases
decide again. A replica that cannot be sure of its leases, because it was stopped or held up, asks for nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from adapters.clock import Clock
from adapters.errors import BatchError
from adapters.model import BatchRef
from gateway.core.accounts import Accounts
from gateway.core.batches import Batches
from gateway.core.cluster.keys import Keys, field, read_field
from gateway.core.cluster.link import Link
from gateway.core.cluster.membership import CLAIM, HELD, INHERIT, RELEASE
from gateway.core.cluster.news import Failed, error_of, failed, write
from gateway.core.cluster.server import ServerAway
from gateway.core.cluster.session import Session
from gateway.core.duty import Watcher
from gateway.core.tasks import Tasks

_CHUNK: Final = 100
"""Batches in one call to the server."""
_INHERITED: Final = 25
"""Batches that are taken over at a time, so that survivors share them."""


class SharedDuty:
    """A `Duty` on leases."""

    _watcher: Watcher
    _batches: Batches
    _owes: Callable[[BatchRef], bool]

    def __init__(self, session: Session, link: Link, keys: Keys, accounts: Accounts, clock: Clock) -> None:
        self._session = session
        self._link = link
        self._keys = keys
        self._accounts = accounts
        self._clock = clock
        self._tokens: dict[BatchRef, int] = {}
        self._wanted: dict[BatchRef, float] = {}
        self._finished: set[BatchRef] = set()
        self._tasks = Tasks()
        self._is_flushing = False
        self._difference = 0
        """By how many leases more the server knew last."""
        self.is_alone = False
        """True while this replica asks for everything that it watches, because the server is lost."""

    @property
    def held(self) -> int:
        """How many leases this replica holds."""
        return len(self._tokens)

    def token(self, ref: BatchRef) -> int | None:
        """The fencing token under which this replica asks for a batch."""
        return self._tokens.get(ref)

    def bind(self, watcher: Watcher) -> None:
        """Decide for these watches."""
        self._watcher = watcher

    def read_through(self, batches: Batches) -> None:
        """Fetch what others have read through these."""
        self._batches = batches

    def release_after(self, owes: Callable[[BatchRef], bool]) -> None:
        """Keep the lease of a batch for as long as `owes` says that nobody else can know its end."""
        self._owes = owes

    def want(self, ref: BatchRef, age: float) -> None:
        """A batch is watched here: claim its lease, or ask at once where there is no server to claim it on."""
        self._finished.discard(ref)
        if not self._link.is_up or ref in self._tokens:
            self._watcher.hold(ref)
        else:
            self._wanted[ref] = self._clock.monotonic() - age
            self._flush_soon()

    def is_ours(self, ref: BatchRef) -> bool:
        """True where no other replica can be asking for it, or where there is no way to know."""
        return not self._link.is_up or (ref in self._tokens and self._session.is_valid)

    def failed(self, ref: BatchRef, error: BatchError, *, is_final: bool) -> None:
        """Tell the others of a failure."""
        news = write(failed(self._session.id, ref, error, is_final=is_final))
        self._tasks.start(_quietly(self._link.publish(self._keys.news, news)))

    def hear_failure(self, news: Failed) -> None:
        """Another replica has met a failure."""
        error = error_of(news)
        if error is not None:
            self._watcher.fail(BatchRef(*news.ref), error, is_final=news.is_final)

    def retry(self) -> None:
        """Claim again what could not be claimed."""
        if self._wanted or self._finished:
            self._flush_soon()

    def drop(self, ref: BatchRef) -> None:
        """It is no longer watched here: where the lease was ours, it is free."""
        if ref in self._tokens:
            self.finish(ref)
        self._wanted.pop(ref, None)

    def finish(self, ref: BatchRef) -> None:
        """Its watch has ended: give the lease back, where it was ours."""
        self._wanted.pop(ref, None)
        if self._tokens.pop(ref, None) is not None:
            self._finished.add(ref)
            self._flush_soon()

    async def claim(self, refs: Sequence[BatchRef]) -> None:
        """Find out whose these watched batches are; what nobody asks for becomes ours. Raises `ServerAway`."""
        for chunk in _chunks(refs):
            await self._claim(chunk)

    async def review(self) -> None:
        """Look whether others still ask for what we only listen to, and whether their news have reached us."""
        await self.claim([ref for ref in self._watcher.watched() if ref not in self._tokens])

    def differs(self, held: int) -> bool:
        """Hear how many leases the server knows of; True where that was as far off before: it is nothing under way."""
        before, self._difference = self._difference, held - len(self._tokens) - len(self._finished)
        return self._difference != 0 and self._difference == before

    async def reconcile(self) -> None:
        """Where an answer was lost, the server knows of other leases than this replica. Raises `ServerAway`."""
        names = await self._link.run(HELD, [self._keys.owned(self._session.id)])
        held = {ref for name in names if (ref := read_field(name)) is not None}
        unsure = (held ^ self._tokens.keys()) - self._finished - self._wanted.keys()
        for ref in unsure:
            if not self._watcher.is_watched(ref):
                self._finished.add(ref)  # to be given back, unless it is watched from now on
                await self._watcher.adopt(ref, 0.0)
        await self.claim([ref for ref in unsure if self._watcher.is_watched(ref)])

    async def inherit(self, session: str) -> None:
        """Take over what a dead session has left, in turn with the other survivors. Raises `ServerAway`."""
        prefix = self._keys.owned("")
        while True:
            at, *left = await self._link.run(INHERIT, self._lease_keys, self._session.id, prefix, session, _INHERITED)
            for name, token, born in left:
                ref = read_field(name)
                if ref is not None:
                    self._tokens[ref] = int(token)
                    await self._take_over(ref, (int(at) - int(born)) / 1000)
            if len(left) < _INHERITED:
                return
            await self._clock.sleep(0.0)

    def go_alone(self) -> None:
        """The server is lost: ask for everything that is watched here."""
        self.is_alone = True
        self._finished.update(self._tokens)  # of those that end meanwhile, the leases are given back afterwards
        self._tokens.clear()
        for ref in self._watcher.watched():
            self._watcher.hold(ref)

    async def join_again(self) -> None:
        """The server is back: leases decide again. Raises `ServerAway`."""
        watched = self._watcher.watched()
        await self.claim(watched)
        self.is_alone = False
        for ref in watched:
            if ref not in self._tokens:
                self._watcher.lose(ref)

    async def aclose(self) -> None:
        """End what runs."""
        await self._tasks.aclose()

    @property
    def _lease_keys(self) -> list[str]:
        keys = self._keys
        return [keys.members, keys.leases, keys.owners, keys.fence, keys.watches]

    async def _take_over(self, ref: BatchRef, age: float) -> None:
        if self._watcher.is_watched(ref):
            self._watcher.begun(ref, age)
            self._watcher.hold(ref)
            await self._batches.hear(ref)
        else:
            await self._watcher.adopt(ref, age)

    async def _claim(self, refs: Sequence[BatchRef]) -> None:
        known = [ref for ref in refs if self._accounts.knows(ref)]
        now = self._clock.monotonic()
        values: list[str | int] = []
        for ref in known:
            values += [field(ref), self._link.to_server(self._wanted.get(ref, now), is_late=False)]
        states = [self._keys.state(self._accounts[ref.account], ref) for ref in known]
        at, *told = await self._link.run(
            CLAIM, [*self._lease_keys, *states], self._session.id, self._keys.owned(""), *values
        )
        for ref, (token, born, version) in zip(known, told, strict=True):
            self._told(ref, token.decode(), (int(at) - float(born)) / 1000)
            at_hand = self._batches.at_hand(ref)
            if version and (at_hand is None or version.decode() != at_hand.version):
                self._tasks.start(self._batches.hear(ref))

    def _told(self, ref: BatchRef, token: str, age: float) -> None:
        self._watcher.begun(ref, age)
        self._finished.discard(ref)
        if token:
            self._tokens[ref] = int(token)
            self._watcher.hold(ref)
            if not self._watcher.is_watched(ref):  # its watch ended while it was claimed
                self.finish(ref)
        elif self._tokens.pop(ref, None) is not None:
            self._watcher.lose(ref)

    def _flush_soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._tasks.start(self._flush())

    async def _flush(self) -> None:
        await asyncio.sleep(0)  # whatever else is wanted in this turn of the loop goes along
        self._is_flushing = False
        await _quietly(self._release([ref for ref in self._finished if self._is_over(ref)]))
        await _quietly(self._claim_wanted(list(self._wanted)))

    def _is_over(self, ref: BatchRef) -> bool:
        return not self._owes(ref) and not self._watcher.is_watched(ref)

    async def _release(self, refs: Sequence[BatchRef]) -> None:
        for chunk in _chunks(refs):
            values = (self._session.id, self._keys.owned(""), *map(field, chunk))
            await self._link.run(RELEASE, [self._keys.leases, self._keys.watches], *values)
            self._finished.difference_update(chunk)

    async def _claim_wanted(self, refs: Sequence[BatchRef]) -> None:
        for chunk in _chunks(refs):
            await self._claim(chunk)
            for ref in chunk:
                self._wanted.pop(ref, None)


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(ServerAway):
        await work


def _chunks(refs: Sequence[BatchRef]) -> Iterator[Sequence[BatchRef]]:
    for start in range(0, len(refs), _CHUNK):
        yield refs[start : start + _CHUNK]
