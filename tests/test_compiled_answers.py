"""Shared answers are those that asking again would give: the same bytes, and asked for again when they might not be."""

from __future__ import annotations

import ast
import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import strawberry

from adapters.clock import Clock
from adapters.http import Funnel
from adapters.model import BatchRef
from adapters.registry import ADAPTERS
from adapters.upstream import UpstreamLimits
from gateway.compiled.answers import SharedAnswers
from gateway.compiled.makings import Makings
from gateway.compiled.notes import Notes
from gateway.compiled.plans import Plans
from gateway.core.accounts import Scope
from gateway.core.assembly import CoreSettings, open_core
from gateway.core.freshness import Lifetimes
from gateway.engine.engine import Engine
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from schema.context import Context
from schema.items import cursor
from schema.node import GlobalId, encode
from schema.root import build_schema
from tests.batches_at_hand import at_hand
from tests.core_world import Marketplace, World, body, world
from tests.operations import Operations
from tests.steady import steady
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio
SCHEMA = build_schema()
ONE = """query($id: String!, $age: Int) { batch(ref: {source: TRENDYOL, id: $id}, maxAge: $age) {
    ... on NormalizedBatch { batchId status isStale fetchedAt items(first: 1000) { nodes { key status } } } } }"""


def scope_of(context: Any) -> Scope:
    return context.scope


class Asking:
    """An engine that shares, beside one that does not."""

    def __init__(
        self, context: Context, schema: strawberry.Schema = SCHEMA, max_bytes: int = 1_000_000, *, at_once: bool = True
    ) -> None:
        self.context = context
        self.answers = SharedAnswers(scope_of, max_bytes, at_once=at_once)
        self.sharing = Engine(schema, plans=Plans(schema), answers=self.answers)
        self.plain = Engine(schema)

    async def ask(self, text: str = ONE, context: Context | None = None, **variables: Any) -> bytes:
        return await self._ask(self.sharing, text, context, variables)

    async def ask_plainly(self, text: str = ONE, context: Context | None = None, **variables: Any) -> bytes:
        return await self._ask(self.plain, text, context, variables)

    async def _ask(self, engine: Engine, text: str, context: Context | None, variables: dict[str, Any]) -> bytes:
        prepared = engine.prepare(OperationRequest(text, variables))
        return await engine.execute(prepared, context or self.context)

    @property
    def counts(self) -> tuple[int, int]:
        return self.answers.hits, self.answers.misses


@asynccontextmanager
async def asking(**options: Any) -> AsyncGenerator[tuple[Asking, World]]:
    marketplace = Marketplace(VirtualClock())
    for name in ("b-1", "b-2", "b-3"):
        marketplace.scripts[name] = lambda now, _, name=name: body(name, "PROCESSING" if now < 60 else "SUCCESS")
        marketplace.scripts[f"done-{name}"] = lambda _now, _, name=name: body(
            f"done-{name}", "SUCCESS", status="COMPLETED"
        )
    async with world(marketplace=marketplace) as w:
        yield Asking(Context(w.batches, w.watches), **options), w


async def test_the_same_question_is_answered_with_the_same_bytes() -> None:
    async with asking() as (subject, _):
        first = await subject.ask(id="done-b-1")
        assert await subject.ask(id="done-b-1") is first
        assert await subject.ask_plainly(id="done-b-1") == first
        assert subject.counts == (1, 1)


async def test_an_answer_is_kept_when_it_is_asked_for_again() -> None:
    async with asking(at_once=False) as (subject, _):
        for expected in (0, 1, 1):
            await subject.ask(id="done-b-1")
            await subject.ask(id="done-b-2")
            assert len(subject.answers) == 2 * expected
        assert subject.counts == (2, 4)


async def test_other_variables_ask_something_else() -> None:
    async with asking() as (subject, _):
        answers = {await subject.ask(id=name) for name in ("done-b-1", "done-b-2", "done-b-1")}
        assert len(answers) == 2
        assert subject.counts == (1, 2)


async def test_another_client_is_not_given_the_answer_unless_it_may_see_the_same() -> None:
    async with asking() as (subject, w):
        first = await subject.ask(id="done-b-1")
        other = Context(w.batches, w.watches, Scope(frozenset({"another"})))
        assert b"UNKNOWN_ACCOUNT" in await subject.ask(context=other, id="done-b-1")
        same = Context(w.batches, w.watches, Scope(frozenset({"shop"})))
        assert await subject.ask(context=same, id="done-b-1") == first
        alike = Context(w.batches, w.watches, Scope(frozenset({"shop"})))
        assert await subject.ask(context=alike, id="done-b-1") == first
        assert subject.counts == (1, 3)


async def test_a_state_that_is_read_anew_ends_an_answer() -> None:
    async with asking() as (subject, w):
        first = await subject.ask(id="b-1")
        assert await subject.ask(id="b-1") is first
        await w.clock.advance(1.0)
        reading = await w.batches.get(w.batches.resolve("trendyol", "b-1", None), 0)
        second = await subject.ask(id="b-1")
        assert second != first
        assert reading.state.fetched_at.isoformat().encode() in second
        assert subject.counts == (1, 2)


async def test_a_state_that_is_no_longer_fresh_is_asked_for() -> None:
    async with asking() as (subject, w):
        await subject.ask(id="b-1")
        await w.clock.advance(100.0)
        assert b"SUCCEEDED" in await subject.ask(id="b-1")
        assert w.marketplace.calls["b-1"] == 2
        assert subject.counts == (0, 2)


async def test_the_clients_own_age_counts() -> None:
    async with asking() as (subject, w):
        await subject.ask(id="done-b-1", age=10)
        assert await subject.ask(id="done-b-1", age=10) == await subject.ask(id="done-b-1", age=10)
        assert subject.counts == (2, 1)
        await w.clock.advance(11.0)
        await subject.ask(id="done-b-1", age=10)
        assert w.marketplace.calls["done-b-1"] == 2
        await subject.ask(id="done-b-1", age=0)
        await subject.ask(id="done-b-1", age=0)
        assert w.marketplace.calls["done-b-1"] == 4
        assert subject.counts == (2, 4)


async def test_one_batch_of_many_that_changes_ends_the_answer_for_all() -> None:
    text = "query($refs: [BatchRef!]!) { batches(refs: $refs) { batch { ... on NormalizedBatch { fetchedAt } } } }"
    refs = [{"source": "TRENDYOL", "id": name} for name in ("done-b-1", "done-b-2", "b-3")]
    async with asking() as (subject, w):
        first = await subject.ask(text, refs=refs)
        assert await subject.ask(text, refs=refs) is first
        await w.clock.advance(1.0)
        await w.batches.get(w.batches.resolve("trendyol", "b-3", None), 0)
        assert await subject.ask(text, refs=refs) != first
        assert subject.counts == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        '{ batch(ref: {source: TRENDYOL, id: "unknown-404"}) { __typename } }',
        '{ trendyolBatch(id: "done-b-1") { items(first: -1) { totalCount } } }',
        '{ batches(refs: [{source: TRENDYOL, id: "404"}]) { error { code } } }',
        '{ batches(refs: [{source: MIRCATE, id: "x"}, {source: TRENDYOL, id: "done-b-1"}]) { error { code } } }',
        '{ trendyolBatch(id: "done-b-1") { status } marketplaces { accounts { budgetLeft } } }',
        '{ awaitBatch(ref: {source: TRENDYOL, id: "done-b-1"}) { __typename } }',
        "{ __schema { queryType { name } } }",
    ],
)
async def test_errors_and_what_hangs_on_the_moment_are_never_shared(text: str) -> None:
    async with asking() as (subject, _):
        await subject.ask(text)
        await subject.ask(text)
        assert (subject.counts, len(subject.answers)) == ((0, 2), 0)


async def test_a_last_known_state_is_not_shared() -> None:
    async with asking() as (subject, w):
        await subject.ask(id="b-1")
        w.marketplace.scripts["b-1"] = lambda _now, _call: httpx.Response(400, json={})
        await w.clock.advance(100.0)
        looked = 'query { batches(refs: [{source: TRENDYOL, id: "b-1"}]) { batch { __typename } error { code } } }'
        assert b"REJECTED_UPSTREAM" in await subject.ask(looked)
        assert b"REJECTED_UPSTREAM" in await subject.ask(looked)
        assert subject.counts == (0, 3)


async def test_what_changes_while_an_answer_is_made_is_not_kept() -> None:
    async with asking() as (subject, w):
        ref = w.batches.resolve("trendyol", "b-1", None)
        await w.batches.get(ref)

        async def make(_prepared: Prepared, context: Any) -> bytes:
            assert context.batches.peek(ref) is not None
            await w.clock.advance(1.0)
            await w.batches.get(ref, 0)
            return b'{"data":{}}'

        prepared = subject.sharing.prepare(OperationRequest("{ __typename }"))
        answer = subject.answers.run(prepared, subject.context, make)
        assert not isinstance(answer, bytes)
        assert await answer == b'{"data":{}}'
        assert len(subject.answers) == 0


async def test_answers_are_kept_within_bounds_and_the_least_used_go_first() -> None:
    async with asking(max_bytes=30_000) as (subject, w):
        ids = [f"done-{n}" for n in range(30)]
        for name in ids:
            w.marketplace.scripts[name] = lambda _now, _, name=name: body(name, "SUCCESS", status="COMPLETED")
        for name in ids:
            await subject.ask(id=name)
            await subject.ask(id=ids[0])
        assert 3 < len(subject.answers) < 30
        assert subject.answers.bytes <= 30_000
        assert subject.answers.hits == 30
        await subject.ask(id=ids[1])
        assert subject.answers.hits == 30


async def test_nothing_is_left_of_answers_that_end() -> None:
    async with asking() as (subject, w):
        for _ in range(3):
            await subject.ask(id="b-1")
            await w.clock.advance(10.0)
        await subject.ask(id="unknown")
        one = subject.answers.bytes
        await subject.ask(id="b-1")
        assert (len(subject.answers), subject.answers.bytes) == (1, one)


async def test_many_who_ask_at_once_cost_one_execution() -> None:
    async with asking() as (subject, _):
        answers = await asyncio.gather(*(subject.ask(id="done-b-1") for _ in range(50)))
        assert len({id(answer) for answer in answers}) == 1
        assert subject.counts == (49, 1)


async def test_an_answer_that_cannot_be_shared_is_made_by_everybody() -> None:
    async with asking() as (subject, _):
        answers = await asyncio.gather(*(subject.ask(id="unknown") for _ in range(5)))
        assert answers == [await subject.ask_plainly(id="unknown")] * 5
        assert subject.counts == (0, 5)


async def test_who_waits_for_one_that_leaves_is_answered_all_the_same() -> None:
    async with asking() as (subject, _):
        first, *others = (asyncio.ensure_future(subject.ask(id="done-b-1")) for _ in range(4))
        await asyncio.sleep(0)
        first.cancel()
        assert len(set(await asyncio.gather(*others))) == 1
        assert b"COMPLETED" in await subject.ask(id="done-b-1")


async def test_nobody_waits_long_for_another() -> None:
    makings, notes, later = Makings(), Notes(), asyncio.get_running_loop().create_future()
    leading = asyncio.ensure_future(makings.lead("key", notes, later, bytes.upper))
    await asyncio.sleep(0)
    done = makings.of("key")
    assert done is not None
    async with asyncio.timeout(5):
        await done.wait()
    assert makings.of("key") is None
    later.set_result(b"late")
    assert await leading == b"LATE"
    assert len(makings) == 0


async def test_one_large_answer_does_not_empty_the_room() -> None:
    async with asking(max_bytes=40_000) as (subject, w):
        w.marketplace.scripts["big"] = lambda _now, _: body("big", *["SUCCESS"] * 400, status="COMPLETED")
        await subject.ask(id="done-b-1")
        await subject.ask(id="big")
        assert len(subject.answers) == 1
        await subject.ask(id="done-b-1")
        assert subject.answers.hits == 1


@asynccontextmanager
async def playing(clock: VirtualClock) -> AsyncGenerator[Context]:
    """The core before the sandbox's marketplaces; time stands still unless a test moves it."""
    sandbox = create_sandbox(clock, 0.0)
    tables = sandbox_accounts("http://sandbox")
    accounts = [ADAPTERS[table["marketplace"]].account.model_validate(table) for table in tables]

    def funnel(given: Any, clock: Clock, limits: Any, budgets: Any) -> Funnel:
        return Funnel(
            given,
            clock=clock,
            upstream=limits,
            budget_factory=budgets,
            transport_factory=lambda _: httpx.ASGITransport(sandbox),
        )

    made = CoreSettings(accounts, UpstreamLimits(retries=0), Lifetimes(revalidate=0.0))
    async with open_core(made, clock, funnel) as core:
        yield Context(core.batches, core.watches)


def pools_of(batches: list[BatchRef]) -> dict[str, list[Any]]:
    refs = [{"source": ref.source.upper().replace("-", "_"), "id": ref.id} for ref in batches]
    return {
        "BatchRef": refs,
        "Query.batches.refs": [refs[i : i + 5] for i in range(0, len(refs), 5)],
        "*.id": [ref.id for ref in batches],
        "Query.node.id": [encode(GlobalId(*ref)) for ref in batches],
        "Query.nodes.ids": [[encode(GlobalId(*ref)) for ref in batches[5:8]]],
        "*.account": [None],
        "*.maxAge": [None, None, 5, 60, 0],
        "*.first": [1, 7, 50],
        "*.after": [None, cursor(0)],
    }


LEFT_OUT = frozenset({"awaitBatch", "awaitBatches", "budgetLeft"})
"""What waits on a clock that nobody moves, and what each of two calls changes for the other."""


class Sequence:
    """Few questions, asked again and again while time passes."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.run = runner.run
        self.refs = self.run(at_hand()).steadfast()
        self.pools = pools_of(self.refs)
        self.hits = 0

    def check(self, random: Random) -> None:
        clock = VirtualClock()
        core: Any = SCHEMA._schema
        operations = Operations(core, self.pools, random, LEFT_OUT)
        drawn = [operations.draw(fields=10) for _ in range(3)]
        self.run(self._play(clock, random, drawn))

    async def _play(self, clock: VirtualClock, random: Random, drawn: list[tuple[str, dict[str, Any]]]) -> None:
        async with playing(clock) as context:
            subject = Asking(context)
            for _ in range(12):
                text, variables = random.choice(drawn)
                ways = [subject.ask, subject.ask_plainly]
                random.shuffle(ways)
                before = self._read(context)
                one = steady(await ways[0](text, **variables))
                is_read_anew = self._read(context) != before
                other = steady(await ways[1](text, **variables))
                if one != other and is_read_anew:
                    # one field took an old state, which another read anew: whoever asks again is shown that in both
                    one = steady(await ways[0](text, **variables))
                assert one == other, (text, variables)
                await clock.advance(random.choice((0.0, 0.0, 0.0, 1.0, 3.0, 30.0, 400.0)))
            self.hits += subject.answers.hits

    def _read(self, context: Context) -> list[object]:
        states = [context.batches.at_hand(ref) for ref in self.refs]
        return [state and state.fetched_at for state in states]


def compare(sequences: int) -> None:
    logging.disable(logging.CRITICAL)
    try:
        with asyncio.Runner() as runner:
            sequence = Sequence(runner)
            for number in range(sequences):
                # its number is the seed: the same in every run, whatever else is imported
                sequence.check(Random(number))
            assert sequence.hits > sequences
    finally:
        logging.disable(logging.NOTSET)


def test_sequences_of_questions_while_time_passes() -> None:
    compare(15)


@pytest.mark.slow
def test_hundreds_of_sequences_of_questions_while_time_passes() -> None:
    compare(500)


MOMENT = {"time", "random", "secrets", "uuid", "os", "socket", "threading"}


@pytest.mark.parametrize("path", sorted((Path(__file__).parent.parent / "schema").rglob("*.py")), ids=lambda p: p.stem)
def test_what_an_answer_hangs_on_is_reached_through_the_context(path: Path) -> None:
    """A resolver that looked at a clock by itself would be right once, and shared for as long as its batches stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & MOMENT
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in MOMENT
        elif isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "utcnow", "today", "monotonic"}
