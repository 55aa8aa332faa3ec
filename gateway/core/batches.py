"""The only door between resolvers and marketplaces: ask for a batch, get its newest known state.

Invariants:
- One question in flight per (account, source, id), whoever asks; it outlives a caller that leaves.
- Errors are never kept as answers; a not-found is remembered for a short time of its own.
- The account is part of every key: what one may see is never served to another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from adapters.base import Account
from adapters.clock import Clock
from adapters.errors import BatchError, Expired, NotFound, UpstreamTimeout
from adapters.http import Fetched, Funnel, Priority
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from gateway.core.accounts import EVERYTHING, Accounts, Scope
from gateway.core.archive import Archive
from gateway.core.freshness import Freshness
from gateway.core.inflight import InFlight, Patience
from gateway.core.observer import UNOBSERVED, Answered, CoreObserver
from gateway.core.state import Reading, State, adopt, is_forgotten, merge, next_version
from gateway.core.states import States

_LAST_WORDS = 0.2
"""Seconds more than the question's own time: where that ends in an error, its words are the better ones."""

Listener = Callable[[State], None]


class Look(msgspec.Struct, frozen=True):
    """What is known of a batch: its reading, or an error, or both where a last known state stands beside a failure."""

    reading: Reading | None
    error: BatchError | None = None


@dataclass(frozen=True, slots=True)
class _Missing:
    error: NotFound
    until: float


class Batches:
    """Readings by reference, as fresh as asked for and as cheap as possible."""

    def __init__(
        self,
        accounts: Accounts,
        funnel: Funnel,
        archive: Archive,
        freshness: Freshness,
        clock: Clock,
        timeout: float,
        observer: CoreObserver = UNOBSERVED,
    ) -> None:
        lifetimes = freshness.lifetimes
        self.accounts = accounts
        self.funnel = funnel
        self._archive = archive
        self._freshness = freshness
        self._clock = clock
        self._timeout = timeout
        self._patience = Patience(clock, timeout + _LAST_WORDS)
        self._observer = observer
        self._states = States(lifetimes.max_entries, lifetimes.max_bytes)
        self._inflight: InFlight[BatchRef, State] = InFlight()
        self._recalls: InFlight[BatchRef, State | None] = InFlight()
        self._revalidations: InFlight[BatchRef, State] = InFlight()
        self._missing: dict[BatchRef, _Missing] = {}
        self._listener: Listener | None = None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` every state that was read, whoever asked for it."""
        self._listener = listener

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        """The full reference. Raises `InvalidRef`, `UnknownAccount` or `AmbiguousAccount`."""
        return self.accounts.resolve(source, batch_id, account, scope)

    def peek(self, ref: BatchRef, max_age: float | None = None) -> Reading | None:
        """The state at hand where it is fresh enough; never waits."""
        state = self._states.get(ref)
        if state is not None and self._freshness.is_fresh(state, self._clock.monotonic(), max_age):
            self._observer.hit(ref.account)
            return Reading(state)
        return None

    async def get(self, ref: BatchRef, max_age: float | None = None) -> Reading:
        """The batch's state: fresh, or the last known one (`is_stale`) while the marketplace fails for a time.

        Raises a `BatchError` where there is none, or where the failure will not pass by itself.
        """
        look = await self.look(ref, max_age)
        if look.reading is not None and (look.error is None or look.error.retryable):
            return look.reading
        assert look.error is not None  # noqa: S101 - a look has at least one of the two
        raise look.error.with_traceback(None)

    async def look(self, ref: BatchRef, max_age: float | None = None) -> Look:
        """The same, with the failure beside the last known state instead of raised."""
        state = self._states.get(ref)
        if state is None and self._may_recall(ref):
            state = await self._recall(ref)
        now = self._clock.monotonic()
        if state is not None:
            if self._freshness.is_fresh(state, now, max_age):
                self._observer.hit(ref.account)
                return Look(Reading(state))
            if self._freshness.may_revalidate(state, now, max_age):
                self._revalidations.start(ref, lambda: self._revalidate(ref))
                self._observer.answered(ref.account, Answered.REVALIDATING)
                return Look(Reading(state))
            state = await self._caught_up(state)
            if self._freshness.is_fresh(state, self._clock.monotonic(), max_age):
                self._observer.hit(ref.account)
                return Look(Reading(state))
        elif max_age is None and (missing := self._missing.get(ref)) is not None:
            if missing.until > now:
                self._observer.hit(ref.account)
                return Look(None, missing.error)
            del self._missing[ref]
        self._observer.answered(ref.account, Answered.MISS)
        try:
            return Look(Reading(await self.refresh(ref, Priority.QUERY)))
        except BatchError as error:
            known = self._states.get(ref)
            if known is None:
                return Look(None, error)
            self._observer.answered(ref.account, Answered.STALE)
            return Look(Reading(known, is_stale=True), error)

    async def refresh(self, ref: BatchRef, priority: Priority) -> State:
        """Ask the marketplace now, or join whoever is asking. Raises a `BatchError`.

        A query waits for its own time at most; the question that it joined goes on. A watch's caller must stay.
        """
        is_watch, is_joined = priority is Priority.WATCH, ref in self._inflight
        with self._observer.asking(ref, is_watch=is_watch, is_joined=is_joined):
            if is_watch:
                return await self._inflight.lead(ref, lambda: self._ask(ref, priority))
            if is_joined:
                self.funnel.hurry(ref, self._timeout)
            try:
                return await self._inflight.ask(ref, lambda: self._ask(ref, Priority.QUERY), self._patience)
            except TimeoutError:
                title = ADAPTERS[self.accounts[ref.account].marketplace].title
                raise UpstreamTimeout(f"{title} has not answered yet: ask again in a moment.") from None

    async def known(self, ref: BatchRef) -> State | None:
        """The last known state, however old, without asking the marketplace."""
        return self._states.get(ref) or await self._recall(ref)

    async def hear(self, ref: BatchRef) -> None:
        """Another process has read a batch: take its reading where this one holds an older."""
        state = self._states.get(ref)
        if state is None:
            state = await self._recall(ref)
            if state is not None:
                self._tell(state)
        else:
            await self._caught_up(state)

    def at_hand(self, ref: BatchRef) -> State | None:
        """The state at hand, however old; never waits."""
        return self._states.get(ref)

    def ended(self) -> list[tuple[Account, State, float]]:
        """The terminal states at hand, and for how long (seconds) each is to be found elsewhere too."""
        ended = [state for state in self._states if state.snapshot.is_terminal]
        return [(self.accounts[one.ref.account], one, self._archive.lifetime(one)) for one in ended]

    async def _caught_up(self, state: State) -> State:
        """The state, or a newer one that another process has read."""
        if not self._archive.is_shared:
            return state
        newer = await self._archive.newer(self.accounts[state.ref.account], state)
        return state if newer is None else self._learn(newer)

    def _learn(self, other: State) -> State:
        old = self._states.get(other.ref)
        state = adopt(old, other)
        if state is not old:
            self._missing.pop(state.ref, None)
            self._states.put(state)
            self._tell(state)
        return state

    async def _revalidate(self, ref: BatchRef) -> State:
        state = self._states.get(ref)
        if state is not None and self._archive.is_shared:
            state = await self._caught_up(state)
            if self._freshness.is_fresh(state, self._clock.monotonic(), None):
                return state
        return await self._inflight.ask(ref, lambda: self._ask(ref, Priority.QUERY))

    def _may_recall(self, ref: BatchRef) -> bool:
        """False where a batch that is not at hand is surely not kept elsewhere."""
        return bool(self._states.dropped) or self._archive.may_hold(self.accounts[ref.account], ref)

    async def _recall(self, ref: BatchRef) -> State | None:
        if self._states.dropped:
            await self._let_go()
        if not self._archive.may_hold(self.accounts[ref.account], ref):
            return None
        return await self._recalls.ask(ref, lambda: self._read_archive(ref))

    async def _read_archive(self, ref: BatchRef) -> State | None:
        state = await self._archive.get(self.accounts[ref.account], ref)
        at_hand = self._states.get(ref)
        if at_hand is not None:
            return at_hand
        if state is not None:
            self._states.put(state)
        return state

    async def _ask(self, ref: BatchRef, priority: Priority) -> State:
        account = self.accounts[ref.account]
        old = self._states.get(ref)
        previous = Fetched(old.snapshot, old.answers, old.fetched_at) if old is not None else None
        try:
            fetched = await self.funnel.fetch(account, ref, previous=previous, timeout=self._timeout, priority=priority)
        except NotFound as error:
            await self._doubt(ref)
            return self._not_found(ref, error)
        if not fetched.snapshot.is_confirmed:
            await self._doubt(ref)
        return await self._absorb(ref, fetched)

    async def _doubt(self, ref: BatchRef) -> None:
        """The marketplace does not know it: look where that was left out, another process may have written there."""
        if self._states.get(ref) is None and not self._archive.may_hold(self.accounts[ref.account], ref):
            await self._read_archive(ref)

    async def _absorb(self, ref: BatchRef, fetched: Fetched) -> State:
        old = self._states.get(ref)
        now = self._clock.monotonic()
        if old is not None and fetched.snapshot is old.snapshot and self._is_confirmed_alone(old, now):
            return self._confirmed(old.again(fetched.fetched_at, now))
        if old is not None and is_forgotten(old, fetched.snapshot, self._clock.now()):
            raise self._expired(ref)
        version = next_version(old, fetched.fetched_at)
        follows = old.version if old is not None else ""
        new = State(ref, fetched.snapshot, fetched.answers, fetched.fetched_at, now, version, fetched.asked, follows)
        state = new if old is None else merge(old, new)
        self._missing.pop(ref, None)
        if old is None or state.version != old.version:
            self._observer.changed(state)
            if self._archive.put_at_once(self.accounts[ref.account], state):
                self._states.put(state)
                if self._states.dropped:
                    await self._let_go()
            else:
                state = await self._keep(state, self._archive.put)
        elif self._archive.is_shared:
            state = await self._keep(replace(state, asked=fetched.asked), self._archive.confirm)
        else:
            self._states.put(state)
        self._tell(state)
        return state

    def _is_confirmed_alone(self, old: State, now: float) -> bool:
        """True where an answer that has not changed tells nothing but that it was given again."""
        return old.snapshot.is_confirmed and now >= old.checked and not self._archive.is_shared

    def _confirmed(self, state: State) -> State:
        if self._missing:
            self._missing.pop(state.ref, None)
        self._states.put(state)
        self._tell(state)
        return state

    async def _keep(self, state: State, keep: Callable[[Account, State], Awaitable[State]]) -> State:
        believed = await keep(self.accounts[state.ref.account], state)
        at_hand = self._states.get(state.ref)  # it may be newer than before the wait
        believed = adopt(at_hand, believed) if at_hand is not None else believed
        self._states.put(believed)
        if self._states.dropped:
            await self._let_go()
        return believed

    async def _let_go(self) -> None:
        """Hand on, oldest first, what there is no room for at hand; nothing is recalled before that is done."""
        dropped = self._states.dropped
        while dropped:
            state = dropped.popleft()
            await self._archive.dropped(self.accounts[state.ref.account], state)

    def _tell(self, state: State) -> None:
        if self._listener is not None:
            self._listener(state)

    def _not_found(self, ref: BatchRef, error: NotFound) -> State:
        old = self._states.get(ref)
        if old is not None and old.snapshot.is_terminal:
            kept = replace(old, checked=self._clock.monotonic())
            self._states.put(kept)
            self._tell(kept)
            return kept
        if is_forgotten(old, None, self._clock.now()):
            raise self._expired(ref) from error
        self._remember_missing(ref, error)
        raise error

    def _remember_missing(self, ref: BatchRef, error: NotFound) -> None:
        now = self._clock.monotonic()
        lifetimes = self._freshness.lifetimes
        if len(self._missing) >= lifetimes.max_entries:
            self._missing = {key: kept for key, kept in self._missing.items() if kept.until > now}
        if len(self._missing) < lifetimes.max_entries:
            self._missing[ref] = _Missing(error, now + lifetimes.not_found)

    def _expired(self, ref: BatchRef) -> Expired:
        title = ADAPTERS[self.accounts[ref.account].marketplace].title
        return Expired(
            f"{title} no longer knows this batch: the time for which it keeps results is over, and its end was never "
            "seen here. Look the products up in the marketplace itself, and watch batches from the start next time."
        )

    async def aclose(self) -> None:
        """End what is in flight."""
        await self._revalidations.aclose()
        await self._inflight.aclose()
        await self._recalls.aclose()
