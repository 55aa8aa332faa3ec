"""Doors that open on what is at hand: every story of the sandbox as the adapters read it, at several ages.

Nothing moves and nothing is asked again, so that the same operation answers the same any number of times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from adapters.breaker import BreakerState
from adapters.errors import BatchError, NotFound, RateLimited, UpstreamTimeout
from adapters.model import BatchRef
from adapters.registry import ADAPTERS, MARKETPLACE_OF
from gateway.core.accounts import EVERYTHING, Accounts, Scope
from gateway.core.batches import Look
from gateway.core.state import Reading, State, next_version
from gateway.core.updates import Detail, Update
from gateway.sandbox.accounts import sandbox_accounts, sandbox_stories
from schema.context import Context
from schema.items import cursor
from schema.node import GlobalId, encode
from tests.sandbox_world import BASE, World, world

AGES = (0.0, 25.0, 20_000.0)
"""Seconds from one reading to the next; every batch is read at its start and at one of the later times."""


_DOORS = ("trendyolBatch", "idefixBatch", "mircateBatch", "surecartBatch")


class _Funnel:
    def budget_left(self, account: str) -> int:
        return len(account)

    def breaker_state(self, account: str) -> BreakerState:
        return BreakerState.OPEN if account.endswith("2") else BreakerState.CLOSED


class AtHand:
    """Stands for `Batches` and `Watches`. Some answers come at once, others after a turn of the loop."""

    def __init__(self, looks: dict[BatchRef, Look], histories: dict[BatchRef, list[State]]) -> None:
        tables = sandbox_accounts(BASE, every=True)
        self.accounts = Accounts([ADAPTERS[t["marketplace"]].account.model_validate(t) for t in tables])
        self.funnel = _Funnel()
        self.looks = looks
        self.histories = histories

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        if account is None:
            account = self.accounts.of(MARKETPLACE_OF[source])[0].name
        return self.accounts.resolve(source, batch_id, account, scope)

    def peek(self, ref: BatchRef, max_age: float | None = None) -> Reading | None:
        look = self.looks.get(ref)
        if look is None or look.error is not None or max_age is not None or len(ref.id) % 3 == 0:
            return None
        return look.reading

    async def look(self, ref: BatchRef, max_age: float | None = None) -> Look:
        if len(ref.id) % 2:
            await asyncio.sleep(0)
        return self.looks.get(ref) or Look(None, NotFound(f"no batch {ref.id}"))

    async def get(self, ref: BatchRef, max_age: float | None = None) -> Reading:
        look = await self.look(ref, max_age)
        if look.reading is not None and (look.error is None or look.error.retryable):
            return look.reading
        assert look.error is not None
        raise look.error.with_traceback(None)

    def count(self, account: str) -> int:
        return len(account)

    async def wait(self, refs: Iterable[BatchRef], timeout: float, *, until_all: bool) -> dict[BatchRef, Look]:  # noqa: ASYNC109
        return {ref: await self.look(ref) for ref in refs}

    async def subscribe(self, refs: Sequence[BatchRef], detail: Detail) -> Updates:
        return Updates(self._updates(refs))

    def _updates(self, refs: Sequence[BatchRef]) -> Iterator[Update]:
        for ref in refs:
            previous: State | None = None
            for state in self.histories.get(ref, []):
                yield Update(ref, Reading(state), None, state.version, previous, state.snapshot.is_terminal)
                previous = state
            look = self.looks.get(ref)
            if look is None or look.error is not None:
                yield Update(ref, look and look.reading, look and look.error, "0", previous, is_final=True)


class Updates:
    """Stands for a subscription whose updates have to be waited for."""

    def __init__(self, updates: Iterator[Update]) -> None:
        self._updates = updates

    def __aiter__(self) -> Updates:
        return self

    async def __anext__(self) -> Update:
        await asyncio.sleep(0)
        for update in self._updates:
            return update
        raise StopAsyncIteration

    def take(self) -> Update | None:
        return None

    def listen(self, _listener: object) -> bool:
        return False

    def leave(self) -> None:
        self._updates = iter(())


@dataclass(frozen=True)
class Hand:
    """What is at hand, and how to ask for it."""

    door: AtHand
    refs: list[dict[str, Any]]
    """References as clients write them, unknown ones among them."""

    def pools(self) -> dict[str, list[Any]]:
        """Values worth sending, for operations drawn at random."""
        ids: dict[str, list[Any]] = {}
        for ref in self.refs:
            ids.setdefault(MARKETPLACE_OF.get(ref["source"].lower().replace("_", "-"), ""), []).append(ref["id"])
        nodes = [encode(GlobalId(*ref)) for ref, look in self.door.looks.items() if look.reading is not None]
        return {
            "BatchRef": self.refs,
            "Query.node.id": [*nodes, "a"],
            "Query.nodes.ids": [nodes[3:9], [nodes[-1], "bad", nodes[-2]], []],
            "Query.batches.refs": [self.refs[i : i + 4] for i in range(0, len(self.refs), 4)] + [self.refs[::9], []],
            **{f"Query.{name}.id": ids[name.removesuffix("Batch")] for name in _DOORS},
            "Query.surecartBatchOperation.id": ids["surecart"],
            "*.account": [None, None, None, "trendyol-demo-2"],
            "*.maxAge": [None, 5, 60, 0, -1],
            "*.first": [0, 1, 2, 7, 50, 1000, 1000, 1001, -1],
            "*.after": [cursor(0), cursor(3), cursor(900), "bad"],
            "*.search": ["", "a", "1", "ü"],
            "*.timeout": [0.0, 1.5, 7, -1.0],
        }

    def steadfast(self) -> list[BatchRef]:
        """Batches whose marketplace answers about them at any time."""
        return [ref for ref, states in self.door.histories.items() if len(states) > 1]

    def context(self) -> Context:
        door: Any = self.door
        return Context(door, door)


async def at_hand() -> Hand:
    """Play every story and read it at several ages."""
    looks: dict[BatchRef, Look] = {}
    histories: dict[BatchRef, list[State]] = {}
    refs: list[dict[str, Any]] = []
    samples = sandbox_stories()
    accounts = {table["marketplace"]: table["name"] for table in sandbox_accounts(BASE)}
    async with world() as w:
        for step, age in enumerate(AGES):
            await w.clock.advance(age)
            for number, sample in enumerate(samples):
                if step and number % 2 == step % 2:
                    continue
                account = accounts[sample.marketplace]
                ref = BatchRef(sample.source, account, sample.id)
                old = histories.get(ref, [])
                look = await _look(w, ref, old[-1] if old else None)
                if look.reading is not None:
                    histories.setdefault(ref, []).append(look.reading.state)
                    if number % 5 == 0:
                        look = Look(Reading(look.reading.state, is_stale=True), RateLimited("later", retry_after=1.5))
                looks[ref] = look
                if step == 0:
                    refs.append({"source": sample.source.upper().replace("-", "_"), "id": sample.id})
    refs += [{"source": "TRENDYOL", "id": "unknown"}, {"source": "MIRCATE", "id": "a/b"}]
    refs += [{**refs[0], "account": "nobody"}, {**refs[1], "account": "trendyol-demo"}]
    return Hand(AtHand(looks, histories), refs)


async def _look(w: World, ref: BatchRef, previous: State | None) -> Look:
    reading = asyncio.ensure_future(w.read(ref.source, ref.id))
    for _ in range(500):
        if reading.done():
            break
        await asyncio.sleep(0)
    else:
        # the story lets its clients wait, and nobody moves this clock
        reading.cancel()
        return Look(None, UpstreamTimeout("no answer in time"))
    try:
        snapshot = await reading
    except BatchError as error:
        return Look(None, error)
    now = w.clock.now() + timedelta(microseconds=123)
    return Look(
        Reading(State(ref, msgspec.structs.replace(snapshot, memo={}), (), now, 0.0, next_version(previous, now)))
    )
