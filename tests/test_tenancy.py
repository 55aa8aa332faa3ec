"""Random clients, accounts and questions, by every way of asking: nothing of another's is returned, kept or streamed.

Every account's marketplace answers with a mark of its own in all that it says, so that whatever leaks is recognised,
however it travelled.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.access.etags import LastingAnswers
from gateway.access.members import Member
from gateway.compiled.answers import SharedAnswers
from gateway.compiled.plans import Plans
from gateway.core.accounts import Scope
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest, RequestError
from gateway.transports.endpoint import GraphQLEndpoint
from schema.context import Context
from schema.node import GlobalId, encode
from schema.root import build_schema
from tests.core_world import Marketplace, World, trendyol_account, world
from tests.virtual_clock import VirtualClock

SCHEMA = build_schema()
ACCOUNTS = ("alpha", "beta", "gamma", "delta")
MARK = "belongs-to-{}-alone"
IDS = ("b1", "b2", "slow")
SHAPE = (
    "{ __typename ... on NormalizedBatch { id account status items { nodes { key } } ... on TrendyolBatch { notes } } }"
)
UNKNOWN = "no-such-account"

QUICK = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
scopes = st.lists(
    st.one_of(st.none(), st.frozensets(st.sampled_from(ACCOUNTS), max_size=3).map(lambda found: found)),
    min_size=2,
    max_size=4,
)
questions = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["batch", "batches", "node", "nodes", "await", "marketplaces", "stream", "get"]),
        st.sampled_from((*ACCOUNTS, UNKNOWN, None)),
        st.sampled_from(IDS),
    ),
    min_size=3,
    max_size=14,
)


def answer_of(account: str, batch_id: str) -> httpx.Response:
    """What the marketplace says about a batch of this account: its mark is everywhere."""
    mark = MARK.format(account)
    status = "COMPLETED" if batch_id != "slow" else "IN_PROGRESS"
    item = {"requestItem": {"barcode": mark, "quantity": 1}, "status": "SUCCESS", "failureReasons": []}
    body = {
        "batchRequestId": batch_id,
        "items": [item],
        "itemCount": 1,
        "failedItemCount": 0,
        "creationDate": 1_767_225_600_000,
        "lastModification": 1_767_225_600_000,
        "batchRequestType": "ProductV2Update",
        "status": status,
        "notes": mark,
    }
    return httpx.Response(200, json=body)


class Marked(Marketplace):
    """Tells each account's mark by the seller's number in the address."""

    async def handle(self, request: httpx.Request) -> httpx.Response:
        parts = request.url.path.split("/")
        return answer_of(ACCOUNTS[int(parts[parts.index("sellers") + 1])], parts[-1])


class Tenants:
    """Clients with their scopes over one core, one engine with plans and shared answers, and one endpoint."""

    def __init__(self, w: World, members: list[Member]) -> None:
        self.members = members
        self.seen: dict[str, list[str]] = {member.name: [] for member in members}

        def share(context: Any) -> Any:
            return context.scope

        self.engine = Engine(SCHEMA, share=share, plans=Plans(SCHEMA, after=0), answers=SharedAnswers(share, 1_000_000))
        by_name = {member.name: member for member in members}

        def context(client: Any) -> Context:
            return Context(w.batches, w.watches, by_name[client.name].scope)

        async def authenticate(shown: Any) -> Member:
            return by_name[shown.headers[b"authorization"].decode()]

        self.context = context
        self.endpoint = GraphQLEndpoint(
            self.engine,
            context,
            authenticate=authenticate,
            caching=LastingAnswers(60, is_shared=True),
            clock=w.clock,
        )
        self.tags: list[tuple[str, str, str]] = []

    async def ask(self, member: Member, query: str, *, is_get: bool) -> None:
        """Over HTTP, with every tag that anybody was ever given."""
        sent: list[Any] = []

        brought = [{"type": "http.request", "body": json.dumps({"query": query}).encode()}]

        async def receive() -> Any:
            return brought.pop() if brought else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"authorization", member.name.encode()), (b"content-type", b"application/json")]
        if is_get and self.tags:
            headers.append((b"if-none-match", ", ".join(tag for _, _, tag in self.tags).encode()))
        scope: Any = {
            "type": "http",
            "method": "GET" if is_get else "POST",
            "query_string": urlencode({"query": query}).encode() if is_get else b"",
            "headers": headers,
        }
        await self.endpoint(scope, receive, send)
        given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        if sent[0]["status"] == 304:
            # the body that was given out before is this member's own answer, too: it is looked at like any other
            assert any(tag == given["etag"] for _, _, tag in self.tags)
            await self.ask(member, query, is_get=False)
        if "etag" in given:
            self.tags.append((member.name, query, given["etag"]))
        self.seen[member.name].append(b"".join(message["body"] for message in sent[1:]).decode())

    async def follow(self, member: Member, query: str) -> None:
        prepared = self.engine.prepare(OperationRequest(query=query))
        stream = self.engine.subscribe(prepared, self.context(member))
        with suppress(RequestError):
            async for payload in stream:
                self.seen[member.name].append(payload.decode())

    async def run(self, member: Member, kind: str, account: str | None, batch_id: str) -> None:
        named = "" if account is None else f', account: "{account}"'
        ref = f'{{source: TRENDYOL, id: "{batch_id}"{named}}}'
        node = encode(GlobalId("trendyol", account or "alpha", batch_id))
        result = "{ ref { account } error { code message } batch " + SHAPE + " }"
        queries = {
            "batch": f"{{ batch(ref: {ref}) {SHAPE} }}",
            "get": f"{{ batch(ref: {ref}) {SHAPE} }}",
            "batches": f"{{ batches(refs: [{ref}]) {result} }}",
            "node": f'{{ node(id: "{node}") {SHAPE} }}',
            "nodes": f'{{ nodes(ids: ["{node}"]) {SHAPE} }}',
            "await": f"{{ awaitBatch(ref: {ref}, timeout: 0.5) {SHAPE} }}",
            "marketplaces": "{ marketplaces { accounts { name watchedBatches } } }",
        }
        if kind == "stream":
            await self.follow(member, f"subscription {{ batchUpdates(refs: [{ref}]) {result} }}")
        else:
            await self.ask(member, queries[kind], is_get=kind == "get")


async def play(scopes: list[frozenset[str] | None], asked: list[tuple[int, str, str | None, str]]) -> Tenants:
    # each account speaks to a marketplace that knows it by its seller's number
    accounts = [trendyol_account(name, seller_id=str(number)) for number, name in enumerate(ACCOUNTS)]
    async with world(*accounts, marketplace=Marked(VirtualClock())) as w:
        members = [Member(f"client-{number}", Scope(scope), proof=str(number)) for number, scope in enumerate(scopes)]
        tenants = Tenants(w, members)
        running: list[asyncio.Task[None]] = []
        for number, (who, kind, account, batch_id) in enumerate(asked):
            one = tenants.run(members[who % len(members)], kind, account, batch_id)
            running.append(asyncio.ensure_future(one))
            if number % 3:
                # answered before the next one asks, or while it does
                await w.clock.settle(60)
        for _ in range(20):
            await w.clock.settle(10)
            if all(task.done() for task in running):
                break
            await w.clock.advance(0.3)
        for task in running:
            if not task.done():
                task.cancel()
        ends = await asyncio.gather(*running, return_exceptions=True)
        await tenants.endpoint.aclose()
        for end in ends:
            if isinstance(end, Exception):
                raise end
        return tenants


def keep_apart(scopes: list[frozenset[str] | None], asked: list[tuple[int, str, str | None, str]]) -> None:
    """Nothing of another account is returned, kept or streamed."""
    tenants = asyncio.run(play(scopes, asked))
    for member in tenants.members:
        told = "\n".join(tenants.seen[member.name])
        for account in ACCOUNTS:
            if not member.scope.allows(account):
                assert MARK.format(account) not in told
                # its name is said by nobody but the client itself, who asked for it
                assert f'"name":"{account}"' not in told
                assert f'"account":"{account}"' not in told


def test_nothing_of_another_account_is_returned_kept_or_streamed() -> None:
    settings(QUICK, max_examples=25)(given(scopes, questions)(keep_apart))()


@pytest.mark.slow
def test_hundreds_of_times_nothing_of_another_account_is_returned_kept_or_streamed() -> None:
    settings(QUICK, max_examples=400)(given(scopes, questions)(keep_apart))()


@settings(QUICK, max_examples=20)
@given(
    st.frozensets(st.sampled_from(ACCOUNTS), max_size=3),
    st.sampled_from(["batch", "batches", "node", "nodes", "await", "stream", "get"]),
    st.sampled_from(IDS),
)
def test_a_hidden_account_reads_like_one_that_is_not_there(scope: frozenset[str], kind: str, batch_id: str) -> None:
    """Whatever everybody else has read of it before."""
    hidden = next(account for account in ACCOUNTS if account not in scope)
    before = [(0, kind, hidden, batch_id), (0, "batch", hidden, batch_id), (0, "stream", hidden, batch_id)]
    tenants = asyncio.run(play([None, scope], [*before, (1, kind, hidden, batch_id), (1, kind, UNKNOWN, batch_id)]))
    assert any(MARK.format(hidden) in told for told in tenants.seen["client-0"])
    told_hidden, told_absent = tenants.seen["client-1"]
    assert told_hidden == told_absent
    assert "UNKNOWN_ACCOUNT" in told_hidden


def test_the_mark_is_seen_where_it_may_be() -> None:
    """The properties above would hold for a gateway that answers nobody."""
    asked = [
        (0, kind, "alpha", "b1") for kind in ("batch", "batches", "node", "nodes", "await", "stream", "get", "get")
    ]
    tenants = asyncio.run(play([frozenset(["alpha"]), None], asked))
    told = tenants.seen["client-0"]
    assert len([text for text in told if MARK.format("alpha") in text]) >= 7
    assert tenants.tags


@pytest.mark.parametrize("name", ACCOUNTS)
def test_global_ids_of_hidden_accounts_open_nothing(name: str) -> None:
    others = frozenset(ACCOUNTS) - {name}
    tenants = asyncio.run(play([others, None], [(0, "node", name, "b1"), (0, "nodes", name, "b2")]))
    assert all("UNKNOWN_ACCOUNT" in told for told in tenants.seen["client-0"])
