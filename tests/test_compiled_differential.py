"""Compiled operations answer byte for byte what graphql-core answers, whatever is asked and whatever went wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import msgspec
import pytest
import strawberry

from adapters.model import BatchRef
from gateway.compiled.plans import Plans
from gateway.core.batches import Look
from gateway.core.state import Reading
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest, RequestError
from schema.items import cursor
from schema.root import build_schema
from tests.batches_at_hand import Hand, at_hand
from tests.odd_schema import ODD_POOLS, build_odd_schema
from tests.operations import Operations, Pools
from tests.steady import steady

QUICK = 60
THOROUGH = 3000
"""Operations: of each its number is the seed, so that they are the same in every run, whatever else is imported."""

never_awaited = pytest.mark.filterwarnings(
    # graphql-core's own, where a field that allows no null fails beside others that wait
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore:coroutine .* was never awaited:RuntimeWarning",
)


class Both:
    """The same schema with plans and without, in front of the same world."""

    def __init__(self, schema: strawberry.Schema, context: Any, pools: Pools) -> None:
        self.plain = Engine(schema)
        self.plans = Plans(schema, after=0)
        self.compiled = Engine(schema, plans=self.plans)
        self._core: Any = schema._schema
        self._pools = pools
        self._context = context
        self._runner = asyncio.Runner()
        self.run = self._runner.run

    def close(self) -> None:
        self._runner.close()

    def check(self, kind: str, random: Random) -> None:
        """Draw an operation and let both answer: the plan three times, as it is made, as it is kept, and of pieces."""
        text, variables = Operations(self._core, self._pools, random).draw(kind)
        refusal = self._refusal(text, variables)
        if refusal is not None:
            # valid it always is; it may be more than the limits allow
            assert refusal in {"TOO_COSTLY", "TOO_MANY_ALIASES", "TOO_DEEP"}, text
            return
        answer = self.run(self._answers(self.plain, text, variables))
        for _ in range(3):
            assert self.run(self._answers(self.compiled, text, variables)) == answer, (text, variables)

    def _refusal(self, text: str, variables: dict[str, Any]) -> str | None:
        try:
            self.plain.prepare(OperationRequest(text, variables))
        except RequestError as error:
            return error.errors[0]["extensions"]["code"]
        return None

    async def _answers(self, engine: Engine, text: str, variables: dict[str, Any]) -> list[bytes]:
        prepared = engine.prepare(OperationRequest(text, variables))
        answers: list[bytes] = []
        try:
            async for answer in engine.stream(prepared, self._context):
                answers.append(steady(answer))  # noqa: PERF401  # those before an error count
        except RequestError as error:
            answers.append(steady(repr(error.errors).encode()))
        return answers


@pytest.fixture(scope="module")
def hand() -> Hand:
    return asyncio.run(at_hand())


@contextmanager
def opened(both: Both) -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        both.close()


@pytest.fixture
def ours(hand: Hand) -> Iterator[Both]:
    both = Both(build_schema(), hand.context(), hand.pools())
    with opened(both):
        yield both


@pytest.fixture
def odd() -> Iterator[Both]:
    both = Both(build_odd_schema(), None, ODD_POOLS)
    with opened(both):
        yield both
    gc.collect()  # what was never awaited is told of here, and not in whatever test comes next


def compare(both: Both, operations: int, kind: str = "query") -> None:
    for number in range(operations):
        both.check(kind, Random(number))


def mostly_compiled(both: Both) -> None:
    """The test would prove little if graphql-core had done the work."""
    counts = both.plans.counts
    assert counts.unplanned == 0
    assert counts.made > counts.given_up


def test_queries_of_our_schema(ours: Both) -> None:
    compare(ours, QUICK)
    mostly_compiled(ours)


def test_updates_of_our_schema(ours: Both) -> None:
    compare(ours, 30, "subscription")
    assert ours.plans.counts.made > 25


@never_awaited
def test_a_schema_of_everything_else(odd: Both) -> None:
    compare(odd, QUICK)
    assert odd.plans.counts.made > 25
    assert odd.plans.counts.given_up > 25


@pytest.mark.slow
def test_thousands_of_queries_of_our_schema(ours: Both) -> None:
    compare(ours, THOROUGH)
    mostly_compiled(ours)


@pytest.mark.slow
def test_hundreds_of_updates_of_our_schema(ours: Both) -> None:
    compare(ours, 500, "subscription")


@never_awaited
@pytest.mark.slow
def test_thousands_of_queries_of_everything_else(odd: Both) -> None:
    compare(odd, THOROUGH)
    assert odd.plans.counts.made > 1000
    assert odd.plans.counts.given_up > 1000


PAGES = """query($ref: BatchRef!, $first: Int, $after: String, $status: BatchItemStatus, $language: Language!) {
    batch(ref: $ref) { ... on NormalizedBatch { fetchedAt items(first: $first, after: $after, status: $status) {
        totalCount pageInfo { hasNextPage startCursor endCursor }
        nodes { __typename key nextStep(language: $language) ... on SureCartItem { batchOperation { fetchedAt id } } }
        edges { cursor node { index failures { code explanation(language: $language) } } } } } } }"""


@pytest.mark.anyio
async def test_pages_drawn_at_random_over_all_stories(hand: Hand) -> None:
    plain, compiled, random = Engine(build_schema()), Engine(build_schema(), plans=Plans(build_schema())), Random(7)
    for _ in range(150):
        variables = {
            "ref": random.choice(hand.refs[:12]),
            "first": random.choice([1, 2, 3, 50]),
            "after": random.choice([None, None, cursor(0), cursor(2)]),
            "status": random.choice([None, None, "FAILED", "SUCCEEDED"]),
            "language": random.choice(["EN", "TR"]),
        }
        request = OperationRequest(PAGES, variables)
        answers = [await each.execute(each.prepare(request), hand.context()) for each in (plain, compiled)]
        assert steady(answers[0]) == steady(answers[1])


@pytest.mark.anyio
async def test_an_item_of_surecart_shows_when_it_was_read_last(hand: Hand) -> None:
    engine = Engine(build_schema(), plans=Plans(build_schema(), after=0))
    ref = next(ref for ref, look in hand.door.looks.items() if ref.source == "surecart-batch" and _has_items(look))
    text = """query($id: String!) { surecartBatch(id: $id) { fetchedAt isStale
        items { nodes { ... on SureCartItem { batchOperation { fetchedAt isStale } } } } } }"""
    look = hand.door.looks[ref]
    assert look.reading is not None
    state = look.reading.state
    told: set[bytes] = set()
    try:
        for minute in (0, 1, 2):
            for is_stale in (False, True):
                later = msgspec.structs.replace(state, fetched_at=state.fetched_at.replace(minute=minute))
                hand.door.looks[ref] = Look(Reading(later, is_stale))
                for _ in range(3):
                    prepared = engine.prepare(OperationRequest(text, {"id": ref.id}))
                    answer = await engine.execute(prepared, hand.context())
                    assert answer.count(b":%02d:" % minute) >= 2
                    assert (b"true" in answer, b"false" in answer) == (is_stale, not is_stale)
                    told.add(answer)
        assert len(told) == 6
    finally:
        hand.door.looks[ref] = look


def _has_items(look: Look) -> bool:
    return look.reading is not None and look.error is None and len(look.reading.snapshot.items) > 0


@pytest.mark.anyio
async def test_a_snapshot_is_freed_without_the_garbage_collector(hand: Hand) -> None:
    engine = Engine(build_schema(), plans=Plans(build_schema(), after=0))
    text = """query($ref: BatchRef!) { batch(ref: $ref) { ... on NormalizedBatch { id failureSummary { count }
        items { nodes { key payload ... on SureCartItem { batchOperation { id items { nodes { key } } } } }
                edges { cursor node { title } } } } } }"""
    gc.collect()
    gc.disable()
    try:
        for ref in hand.refs[:12]:
            freed = await _read_and_dropped(engine, hand, text, ref)
            assert all(each() is None for each in freed), ref
    finally:
        gc.enable()


async def _read_and_dropped(engine: Engine, hand: Hand, text: str, ref: dict[str, Any]) -> list[weakref.ref[Any]]:
    full = next((r for r in hand.door.looks if r.id == ref["id"]), BatchRef("", "", ""))
    look = hand.door.looks.get(full)
    if look is None or look.reading is None:
        return []
    state = look.reading.state
    hand.door.looks[full] = Look(
        Reading(msgspec.structs.replace(state, snapshot=msgspec.structs.replace(state.snapshot, memo={})))
    )
    try:
        for _ in range(3):
            await engine.execute(engine.prepare(OperationRequest(text, {"ref": ref})), hand.context())
        reading = hand.door.looks[full].reading
        assert reading is not None
        kept: Any = reading.snapshot.memo
        return [weakref.ref(kept["shown"][1]), weakref.ref(kept["items"][1])]
    finally:
        hand.door.looks[full] = look
