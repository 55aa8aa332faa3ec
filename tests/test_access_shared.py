"""What replicas share about clients, on a real Valkey: how fast they may ask, and the documents that they register."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.clock import SystemClock
from gateway.access.shared_documents import SharedDocuments
from gateway.access.shared_rates import SharedRates
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.redis import RedisServer
from gateway.sandbox.app import create_sandbox
from tests.access_world import Running, bearer, client, code, hear, let_in, running, say, settings
from tests.live_server import serve, until
from tests.tcp_proxy import tcp_proxy
from tests.valkey import namespace, need_valkey, valkey_url

pytestmark = pytest.mark.anyio

CLIENTS = [client("one", "token-of-one", "*"), client("two", "token-of-two", "*")]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    need_valkey()
    with valkey_url() as url:
        yield url


@asynccontextmanager
async def linked(url: str, timeout: float = 5.0) -> AsyncGenerator[Link]:  # noqa: ASYNC109 - the server's own
    link = Link(RedisServer(url, timeout), SystemClock())
    link.found()
    try:
        yield link
    finally:
        await link.aclose()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rates(link: Link, keys: Keys, each: int, share: float = 0.5, patience: float = 5.0) -> SharedRates:
    return SharedRates(each, link, keys, lambda: share, SystemClock(), patience)


async def keep(documents: SharedDocuments, text: str, name: str | None = None) -> None:
    """Register it, and wait until the server has it."""
    documents.keep(name or sha(text), text)
    await asyncio.gather(*documents._tasks)


async def recall(documents: SharedDocuments, text: str) -> str | None:
    """What is there; a busy machine may need more than one try."""
    for _ in range(20):
        found = await documents.recall(sha(text))
        if found is not None:
            return found
    return None


async def test_operations_are_counted_at_all_replicas_together(url: str) -> None:
    keys = Keys(namespace())
    async with linked(url) as one, linked(url) as other:
        for each in (5, 400):
            both = [rates(link, keys, each) for link in (one, other)]
            began = time.monotonic()
            asked = [await both[n % 2].take(f"client {each}") for n in range(each * 4)]
            took = time.monotonic() - began
            # of every second at most `each`; a grant that one of them still holds is not the other's
            assert each * 0.85 <= sum(asked) <= each * (1 + took) + 1
            alone = [await both[0].take(f"other {each}") for _ in range(each)]
            assert sum(alone) >= each * 0.9, "a client may spend all it has at one replica"
            for one_of_them in both:
                await one_of_them.aclose()
        assert one.commands + other.commands < 200


async def test_a_client_is_refused_by_what_is_known_without_asking_again(url: str) -> None:
    async with linked(url) as link:
        few = rates(link, Keys(namespace()), 5)
        for _ in range(5):
            await few.take("a")
        before, began = link.commands, time.monotonic()
        while time.monotonic() - began < 0.04:
            await few.take("a")
        assert link.commands - before <= 2


async def test_a_server_that_is_slow_holds_nobody_up(url: str) -> None:
    port = urlsplit(url).port
    assert port is not None
    with tcp_proxy(port) as proxy:
        proxy.delay = 3.0
        async with linked(proxy.url, timeout=30.0) as link:
            slow = rates(link, Keys(namespace()), 100, patience=0.03)
            began = time.monotonic()
            asked = [await slow.take("a") for _ in range(100)]
            took = time.monotonic() - began
            assert took < 1.5, "half the time of one answer"
            assert 45 <= sum(asked) <= 50 * (1 + took) + 2, "its own share"
            await slow.aclose()


async def test_without_the_server_each_has_its_share(url: str) -> None:
    async with linked(url) as link:
        link.is_up = False
        for share, each in ((0.25, 25), (0.0, 10)):
            lost = rates(link, Keys(namespace()), 100, share=share)
            began = time.monotonic()
            admitted = sum([await lost.take("a") for _ in range(100)])
            assert each - 1 <= admitted <= each * (1 + time.monotonic() - began) + 1
        assert link.commands == 0


async def known(documents: SharedDocuments, text: str) -> None:
    """Wait until the server gives it out."""
    async with asyncio.timeout(30):
        while await documents.recall(sha(text)) != text:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)


async def test_registered_documents_are_bounded_at_the_server_too(url: str) -> None:
    keys = Keys(namespace())
    async with linked(url) as link:
        documents = SharedDocuments(link, keys, SystemClock(), most=3, most_bytes=100)
        for number in range(10):
            text = f"{{ a{number} }}"
            await keep(documents, text)
            assert await recall(documents, text) == text
        assert await documents.recall(sha("{ a0 }")) is None
        large = "x" * 90
        await keep(documents, large)
        kept = [await recall(documents, f"{{ a{number} }}") for number in range(10)]
        assert await recall(documents, large) == large
        assert sum(text is not None for text in kept) <= 1
        await documents.aclose()


@pytest.mark.parametrize("lost", range(3), ids=["texts", "use", "size"])
async def test_documents_go_on_where_a_full_server_has_thrown_out_a_part_of_them(url: str, lost: int) -> None:
    keys = Keys(namespace())
    async with linked(url) as link:
        documents = SharedDocuments(link, keys, SystemClock(), most=5, most_bytes=60)
        texts = [f"{{ a{number}: __typename }}" for number in range(12)]
        for text in texts[:4]:
            await keep(documents, text)
        client = link._server._client
        await client.delete(keys.documents()[lost])
        for text in texts[4:]:
            await keep(documents, text)
        assert await recall(documents, texts[-1]) == texts[-1]
        assert await client.hlen(keys.documents()[0]) == await client.zcard(keys.documents()[1]) <= 3
        await documents.aclose()


async def test_what_the_server_says_is_believed_by_its_hash_alone(url: str) -> None:
    keys = Keys(namespace())
    async with linked(url) as link:
        documents = SharedDocuments(link, keys, SystemClock(), most=10, most_bytes=1_000)
        await keep(documents, "{ evil }", sha("{ good }"))
        await keep(documents, "{ other }")
        assert await recall(documents, "{ good }") is None
        assert await recall(documents, "{ other }") == "{ other }"
        await documents.aclose()


@pytest.fixture(scope="module")
def two(url: str) -> Iterator[list[Running]]:
    """Two gateways that are one."""
    name = namespace()
    with serve(create_sandbox()) as (host, port):
        # each counts on the server what it starts
        both = [
            settings(
                f"http://{host}:{port}",
                clients=CLIENTS,
                limits={"operations_per_second": 20},
                cluster={"url": url, "namespace": name, "name": f"replica-{index}"},
            )
            for index in range(2)
        ]
        with running(both[0]) as one, running(both[1]) as other:
            until(lambda: all("2 replicas" in replica.ask("GET", "/readyz").text for replica in (one, other)), 60)
            yield [one, other]


def test_a_client_has_one_rate_at_two_replicas(two: list[Running]) -> None:
    body, who = {"query": "{ __typename }"}, bearer("token-of-one")
    with httpx.Client(trust_env=False) as http:
        began = time.monotonic()
        answers: list[httpx.Response] = []
        refused: list[httpx.Response] = []
        while len(refused) < 40 and len(answers) < 1_000:  # a machine may be slow
            answers.append(http.post(f"{two[len(answers) % 2].url}/graphql", json=body, headers=who))
            refused = [answer for answer in answers if answer.status_code == 429]
        took = time.monotonic() - began
    good = sum(answer.status_code == 200 for answer in answers)
    assert 15 <= good <= 20 * (1 + took) + 20  # what both may use where the server is slow
    assert {(code(answer), answer.headers["retry-after"]) for answer in refused} == {("RATE_LIMITED", "1")}
    assert two[1].post("{ __typename }", bearer("token-of-two")).status_code == 200, "each client by itself"


def test_a_document_that_one_replica_was_given_is_known_to_the_other(two: list[Running]) -> None:
    time.sleep(1.1)  # a rate of its own for each test
    query = "{ __typename shared: __typename }"
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha(query)}}
    expected = {"data": {"__typename": "Query", "shared": "Query"}}
    who = bearer("token-of-two")
    for replica in two:
        assert code(replica.ask(json={"extensions": named}, headers=who)) == "PERSISTED_QUERY_NOT_FOUND"
    assert two[0].post(query, who, extensions=named).json() == expected
    until(lambda: two[1].ask(json={"extensions": named}, headers=who).json() == expected)

    query = "{ __typename socket: __typename }"
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha(query)}}
    assert two[1].post(query, who, extensions=named).status_code == 200
    with two[0].socket(who) as socket:
        let_in(socket)

        def told() -> bool:
            say(socket, type="subscribe", id="1", payload={"extensions": named})
            answer = hear(socket)
            if answer["type"] == "next":
                assert hear(socket)["type"] == "complete"
            return answer["payload"] == {"data": {"__typename": "Query", "socket": "Query"}}

        until(told)


async def test_nothing_of_clients_stands_at_the_server_in_the_clear(url: str, two: list[Running]) -> None:
    two[0].post("{ __typename }", bearer("token-of-two"))
    async with linked(url) as link:
        client = link._server._client
        name = two[0].app._settings.cluster.namespace
        keys = [key.decode() async for key in client.scan_iter(f"{name}:*")]
        assert all(key.startswith(f"{name}:v1:") for key in keys)
        assert "token" not in "".join(keys)
        for key in (key for key in keys if ":rate:" in key or ":documents:" in key):
            assert await client.ttl(key) > 0
            assert "two" not in key
