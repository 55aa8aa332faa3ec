"""What is compiled and what is not, and what resolvers may rely on either way."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable
from typing import Annotated, Any

import pytest
import strawberry
from strawberry.schema.exception_handlers import ExceptionHandler

from gateway.compiled.plans import Plans
from gateway.engine.documents import CacheBounds
from gateway.engine.engine import Engine
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest
from schema.root import build_schema
from tests.batches_at_hand import Hand, at_hand
from tests.steady import steady

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def hand() -> Hand:
    return asyncio.run(at_hand())


@strawberry.input
class Wish:
    names: list[str]
    count: int | None = None


@strawberry.interface
class Leaf:
    name: str

    @strawberry.field
    def where(self, info: strawberry.Info) -> str:
        return ".".join(map(str, info.path.as_list()))

    @strawberry.field
    async def slow(self) -> Leaf:
        await asyncio.sleep(0)
        return self

    @strawberry.field
    def number(self, of: int | None = 7) -> int:
        return of if of is not None else -1


@strawberry.type
class Oak(Leaf):
    leaves: list[Leaf] | None = None
    big: int = 1


@strawberry.type
class Query:
    @strawberry.field
    def tree(self, leaves: int = 0) -> Oak:
        return Oak(name="tree", leaves=[Oak(name=f"leaf {n}", big=1 if n != 3 else 2**40) for n in range(leaves)])

    @strawberry.field
    async def at_once(self) -> Oak | None:
        return Oak(name="at once")

    @strawberry.field
    async def later(self, info: strawberry.Info) -> Oak | None:
        gate: asyncio.Event | None = info.context
        if gate is None:
            await asyncio.sleep(0)
        else:
            await gate.wait()
        return Oak(name="later")

    @strawberry.field
    async def in_time(self) -> str | None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)
        return "never"

    @strawberry.field
    def spoiled(self, wish: Wish, also: list[Wish] | None = None) -> list[str]:
        wish.names.append("spoiled")
        return [*wish.names, str(wish.count), *(f"{each.names}" for each in also or ())]


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> str:
        return "touched"


@strawberry.type
class Trouble:
    words: str


class Telling(ExceptionHandler[ValueError, Trouble]):
    def handle(self, exc: ValueError, **_: Any) -> Trouble:
        return Trouble(words=str(exc))


@strawberry.type
class Risky:
    @strawberry.field
    def tree(self) -> Annotated[Oak | Trouble, strawberry.union("Risk")]:
        raise ValueError("storm")


SCHEMA = strawberry.Schema(Query, Mutation, types=[Oak])


class Subject:
    """An engine that compiles at once, beside one that never does."""

    def __init__(
        self,
        schema: strawberry.Schema = SCHEMA,
        after: int = 0,
        context: Any = None,
        fields: int = 6_000,
        documents: int = 1_000,
    ) -> None:
        self.plans = Plans(schema, after=after, fields=fields)
        self.engine = Engine(schema, plans=self.plans, bounds=CacheBounds(documents=documents))
        self.plain = Engine(schema)
        self.context = context

    def prepare(self, text: str, **variables: Any) -> Prepared:
        return self.engine.prepare(OperationRequest(text, variables))

    def run(self, text: str, **variables: Any) -> bytes | Awaitable[bytes]:
        return self.engine.run(self.prepare(text, **variables), self.context)

    async def answer(self, text: str, **variables: Any) -> bytes:
        """The answer, which is also that of the engine without plans."""
        compiled = await self.engine.execute(self.prepare(text, **variables), self.context)
        plain = self.plain.prepare(OperationRequest(text, variables))
        assert steady(compiled) == steady(await self.plain.execute(plain, self.context))
        return compiled

    @property
    def counts(self) -> tuple[int, int, int]:
        counts = self.plans.counts
        return counts.unplanned, counts.made, counts.given_up


async def test_what_clients_usually_ask_is_compiled_whole(hand: Hand) -> None:
    subject = Subject(build_schema(), context=hand.context())
    done = {"source": "TRENDYOL", "id": "done-demo"}
    shared = "... on NormalizedBatch { id status outcome progress itemCount createdAt fetchedAt isStale } "
    await subject.answer("query($r: BatchRef!) { batch(ref: $r) { " + shared + "} }", r=done)
    items = """... on NormalizedBatch { items(first: $n) { totalCount nodes {
        key status failures { message explanation(language: TR) } payload ... on TrendyolItem { listPrice }
    } } }"""
    await subject.answer("query($r: BatchRef!, $n: Int!) { batch(ref: $r) { " + items + "} }", r=done, n=3)
    many = (
        "batch { "
        + shared
        + "... on NormalizedBatch { failureSummary { count } nextStep } } error { code } ref { batchId }"
    )
    await subject.answer("query($r: [BatchRef!]!) { batches(refs: $r) { " + many + " } }", r=hand.refs[:40])
    await subject.answer('{ trendyolBatch(id: "done-demo") { status notes } marketplaces { accounts { name } } }')
    assert subject.counts == (0, 5, 0)


async def test_an_operation_is_compiled_when_it_comes_again() -> None:
    subject = Subject(after=2)
    for expected in ((1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0)):
        await subject.answer("{ tree { name } }")
        assert subject.counts == expected


async def test_an_operation_with_a_large_answer_is_compiled_at_once(hand: Hand) -> None:
    subject = Subject(build_schema(), after=1, context=hand.context())
    text = 'query($n: Int!) { trendyolBatch(id: "done-demo") { items(first: $n) { nodes { index key status } } } }'
    await subject.answer(text, n=100)
    assert subject.counts == (1, 0, 0)
    await subject.answer(text.replace("index", "title"), n=1000)
    assert subject.counts == (1, 1, 0)


async def test_mutations_and_other_directives_have_no_plan() -> None:
    subject = Subject()
    assert await subject.answer("mutation { touch }") == b'{"data":{"touch":"touched"}}'
    assert subject.counts == (1, 0, 0)


async def test_introspection_is_graphql_cores() -> None:
    subject = Subject()
    answer = await subject.answer("{ __schema { types { name fields { name } } } __typename tree { name } }")
    assert answer.startswith(b'{"data":{"__schema":{"types":[{"name":"')
    assert subject.counts == (0, 1, 0)


async def test_a_failed_item_costs_one_item() -> None:
    subject = Subject()
    answer = await subject.answer("{ tree(leaves: 50) { name leaves { name ... on Oak { big } } } }")
    assert b'"path":["tree","leaves",3,"big"]' in answer
    assert answer.startswith(b'{"data":{"tree":{"name":"tree","leaves":null}},"errors":[')
    # the tree, its list and the item that fails: graphql-core does those, and stops at it
    assert subject.counts == (0, 3, 3)


async def test_an_awaited_field_leaves_what_it_leads_to_compiled() -> None:
    subject = Subject()
    answer = await subject.answer("{ tree { name slow { name number } } }")
    assert answer == b'{"data":{"tree":{"name":"tree","slow":{"name":"tree","number":7}}}}'
    assert subject.counts == (0, 1, 1)


async def test_a_resolver_that_asks_for_its_place_is_told_the_right_one() -> None:
    subject = Subject()
    answer = await subject.answer("{ tree(leaves: 2) { leaves { a: where } where } }")
    assert (
        answer == b'{"data":{"tree":{"leaves":[{"a":"tree.leaves.0.a"},{"a":"tree.leaves.1.a"}],"where":"tree.where"}}}'
    )


async def test_a_resolver_may_change_its_arguments() -> None:
    subject = Subject()
    text = 'query($w: Wish!, $n: String = "x") { a: spoiled(wish: $w) b: spoiled(wish: {names: [$n]}, also: [$w]) }'
    expected = b'{"data":{"a":["y","spoiled","1"],"b":["x","spoiled","None","[\'y\']"]}}'
    for _ in range(3):
        assert await subject.answer(text, w={"names": ["y"], "count": 1}) == expected


async def test_null_and_absent_variables_are_read_as_graphql_core_reads_them() -> None:
    subject = Subject()
    text = "query($n: Int) { tree { number(of: $n) } }"
    assert await subject.answer(text) == b'{"data":{"tree":{"number":7}}}'
    assert await subject.answer(text, n=None) == b'{"data":{"tree":{"number":-1}}}'
    assert await subject.answer(text, n=5) == b'{"data":{"tree":{"number":5}}}'
    hard = "query($n: Int = 1) { tree(leaves: $n) { name } }"
    assert b"Argument 'leaves' has invalid value" in await subject.answer(hard, n=None)


async def test_each_selection_that_directives_leave_has_its_plan() -> None:
    subject = Subject()
    text = "query($a: Boolean!, $b: Boolean!) { tree { name @include(if: $a) ... @skip(if: $b) { big } } }"
    for a in (True, False):
        for b in (True, False):
            answer = await subject.answer(text, a=a, b=b)
            assert (b'"name"' in answer, b'"big"' in answer) == (a, not b)
    assert subject.counts == (0, 4, 0)


@pytest.mark.parametrize("field", ["tree @include(if: $a) { name }", "... @skip(if: $a) { __typename }"])
async def test_a_null_that_a_directive_at_the_root_is_given_is_an_answer_with_an_error(field: str) -> None:
    subject = Subject()
    text = f"query($a: Boolean = true) {{ {field} }}"
    for _ in range(2):
        assert (await subject.answer(text, a=None)).startswith(b'{"data":null,"errors":[')
        assert b"errors" not in await subject.answer(text)


async def test_settings_of_directives_beyond_reason_are_left_to_graphql_core() -> None:
    subject = Subject()
    names = [f"v{n}" for n in range(6)]
    fields = " ".join(f"f{n}: name @skip(if: $v{n})" for n in range(6))
    text = f"query({', '.join(f'${n}: Boolean!' for n in names)}) {{ tree {{ big {fields} }} }}"
    for bits in range(64):
        await subject.answer(text, **{name: bool(bits >> n & 1) for n, name in enumerate(names)})
    assert subject.counts == (48, 16, 0)


async def test_plans_are_kept_within_bounds_and_the_least_used_go_first() -> None:
    subject = Subject(fields=100)
    for number in range(30):
        await subject.answer(f"{{ tree {{ name f{number}: big }} }}")
        await subject.answer("{ atOnce { name } }")
    assert subject.plans.kept <= 100
    assert subject.counts == (0, 60, 0)
    await subject.answer("{ tree { name f0: big } }")
    assert subject.counts == (0, 61, 0)


async def test_what_answers_nothing_is_let_go_too_with_its_document() -> None:
    subject = Subject(fields=100, documents=1)
    first = weakref.ref(subject.prepare("{ first: __typename }").operation.node)
    await subject.answer("{ first: __typename }")
    for number in range(30):
        await subject.answer(f"{{ f{number}: __typename }}")
    gc.collect()
    assert first() is None


async def test_a_long_document_leaves_less_room_for_plans() -> None:
    subject = Subject(fields=100)
    await subject.answer("{ atOnce { name } }")
    short = subject.plans.kept
    await subject.answer(f"{{ atOnce {{ name }} }} # {'-' * 1000}")
    assert subject.plans.kept > short + 80


async def test_what_is_at_hand_is_answered_without_a_turn_of_the_loop() -> None:
    assert Subject().run("{ atOnce { name } }") == b'{"data":{"atOnce":{"name":"at once"}}}'


async def test_what_has_begun_goes_on_where_it_waited() -> None:
    gate = asyncio.Event()
    answer = Subject(context=gate).run("{ later { name } }")
    assert not isinstance(answer, bytes)
    asyncio.get_running_loop().call_soon(gate.set)
    assert await answer == b'{"data":{"later":{"name":"later"}}}'


async def test_what_has_begun_can_be_cancelled() -> None:
    subject = Subject(context=asyncio.Event())

    async def ask() -> bytes:
        return await subject.engine.execute(subject.prepare("{ later { name } atOnce { name } }"), subject.context)

    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_a_timeout_inside_a_resolver_ends_that_resolver() -> None:
    answer = await Subject().answer("{ inTime }")
    assert answer.startswith(b'{"data":{"inTime":null},"errors":[')


async def test_several_roots_wait_together() -> None:
    gate = asyncio.Event()
    answer = Subject(context=gate).run("{ a: later { name } b: later { name } atOnce { name } }")
    assert not isinstance(answer, bytes)
    asyncio.get_running_loop().call_later(0.01, gate.set)
    assert await asyncio.wait_for(asyncio.ensure_future(answer), 5) == (
        b'{"data":{"a":{"name":"later"},"b":{"name":"later"},"atOnce":{"name":"at once"}}}'
    )


async def test_keys_that_are_words_of_python_are_keys_like_any_other() -> None:
    text = "{ tree { class: name self: name None: name __x: name f0: big f1: number __typename } }"
    assert await Subject().answer(text) == (
        b'{"data":{"tree":{"class":"tree","self":"tree","None":"tree","__x":"tree","f0":1,"f1":7,"__typename":"Oak"}}}'
    )


async def test_a_schema_that_catches_exceptions_is_left_alone() -> None:
    schema = strawberry.Schema(Risky, types=[Oak], exception_handlers=[Telling()])
    subject = Subject(schema)
    assert await subject.answer("{ tree { ... on Trouble { words } } }") == b'{"data":{"tree":{"words":"storm"}}}'
    assert subject.counts == (1, 0, 0)
