"""/metrics: what is counted where, by Prometheus' own parser; and that nothing of clients becomes a label."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from adapters.errors import ErrorCode
from adapters.http import Funnel
from adapters.model import Snapshot
from adapters.observer import Call
from gateway.app import Gateway, create_app
from gateway.compiled.counts import Counts
from gateway.core.assembly import CoreSettings, open_core
from gateway.core.cluster.cluster import ClusterStatus
from gateway.core.state import State
from gateway.core.updates import Detail
from gateway.observe.detection import detection_delay
from gateway.observe.instruments import Spread, Tally
from gateway.observe.logs import JsonFormatter
from gateway.observe.metrics import Metrics
from gateway.observe.observation import Observation
from gateway.observe.plans import plan_families
from gateway.observe.replicas import cluster_families
from gateway.observe.situation import Situation
from gateway.observe.words import OTHER, Labels, unknown_words
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from gateway.version import VERSION
from tests.core_world import Marketplace, World, body, ends_at, ref, trendyol_account
from tests.live_server import serve, until
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name.removeprefix("batch_gateway_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


SHOP = {"account": "shop", "marketplace": "trendyol"}


class Watched(World):
    """A world whose core is observed."""

    metrics: Metrics

    @property
    def told(self) -> Samples:
        return samples(self.metrics.scrape("")[0].decode())

    def count(self, name: str, **labels: str) -> float | None:
        return value(self.told, name, **SHOP, **labels)


@asynccontextmanager
async def observed() -> AsyncGenerator[Watched]:
    clock = VirtualClock()
    marketplace = Marketplace(clock)
    metrics = Metrics({"shop": "trendyol"})
    observation = Observation(metrics)

    def funnel(given: Any, clock: Any, limits: Any, _: Any) -> Funnel:
        transport = httpx.MockTransport(marketplace.handle)
        return Funnel(given, clock=clock, upstream=limits, transport_factory=lambda _: transport, observer=observation)

    async with open_core(CoreSettings(accounts=(trendyol_account(),)), clock, funnel, observation) as core:
        metrics.add(Situation(core, metrics.marketplaces).families)
        world = Watched(core, marketplace, clock)
        world.metrics = metrics
        yield world


async def test_lookups_calls_and_errors_are_counted() -> None:
    async with observed() as world:
        world.marketplace.scripts["a"] = lambda *_: body("a", "SUCCESS", status="COMPLETED")
        await world.batches.get(ref("a"))
        await world.batches.get(ref("a"))
        assert world.batches.peek(ref("a")) is not None
        await world.batches.look(ref("unknown"))
        assert world.count("cache_lookups_total", result="miss") == 2
        assert world.count("cache_lookups_total", result="hit") == 2
        assert world.count("upstream_calls_total") == 2
        assert world.count("upstream_call_seconds_count") == 2
        assert world.count("upstream_errors_total", code="not_found") == 1
        # an alert on an increase sees the first of a kind only where there was a 0 before it
        assert world.count("upstream_errors_total", code="unauthenticated_upstream") == 0
        assert world.count("upstream_errors_total", code="unknown_account") is None
        assert world.count("stale_answers_total") == 0


async def test_stale_answers_and_breakers_are_counted() -> None:
    async with observed() as world:
        world.marketplace.scripts["a"] = lambda now, _: body("a", "PROCESSING") if now < 1 else httpx.Response(500)
        await world.batches.get(ref("a"))
        await world.clock.advance(60)
        for _ in range(8):
            asking = world.batches.look(ref("a"), 0)
            await world.clock.advance(0)
            look = await _while_time_goes(world, asking)
            assert look.reading.is_stale
        assert world.count("stale_answers_total") == 8
        assert world.count("upstream_breaker", state="open") == 1
        assert world.count("upstream_breaker", state="closed") == 0
        errors = world.count("upstream_errors_total", code="upstream_unavailable")
        assert errors is not None
        assert errors >= 5


async def _while_time_goes(world: World, asking: Any) -> Any:
    task = asyncio.ensure_future(asking)
    for _ in range(100):
        await world.clock.advance(0.5)
        if task.done():
            return task.result()
    raise AssertionError("no answer")


async def test_joins_and_budget() -> None:
    async with observed() as world:
        world.marketplace.latency = 1.0
        world.marketplace.scripts["a"] = lambda *_: body("a", "PROCESSING")
        asking = [asyncio.ensure_future(world.batches.get(ref("a"))) for _ in range(5)]
        await world.clock.settle()
        assert world.count("upstream_budget_left") == 999
        await world.clock.advance(2)
        await asyncio.gather(*asking)
        assert world.count("single_flight_joins_total") == 4
        assert world.count("upstream_calls_total") == 1


async def test_watches_and_why_they_end() -> None:
    async with observed() as world:
        world.marketplace.scripts["a"] = ends_at(4, "a")
        subscription = await world.watches.subscribe([ref("a")], Detail.STATUS)
        await world.clock.settle()
        assert world.count("watches", attended="true") == 1
        await subscription.aclose()
        assert world.count("watches", attended="true") == 0
        assert world.count("watches", attended="false") == 1
        await world.clock.advance(600)
        assert world.count("watches", attended="false") == 0
        assert world.count("watches_ended_total", reason="terminal") == 1


async def test_unknown_words_have_a_bounded_number_of_labels() -> None:
    async with observed() as world:
        words = [f"NEW_{chr(65 + n)}" for n in range(26)]
        for number, word in enumerate([*words, "a" * 100, 'x"\n{injected="1"} 7', words[0].lower()]):
            batch = f"word-{number}"
            world.marketplace.scripts[batch] = lambda *_, said=word, batch=batch: body(batch, "ODD ITEM", status=said)
            await world.batches.get(ref(batch))
        told = {key[1]: count for key, count in world.told.items() if key[0] == "unknown_words_total"}
        labels = {dict(key)["word"] for key in told}
        assert len(labels) == 21
        assert OTHER in labels
        assert told[("level", "batch"), ("marketplace", "trendyol"), ("word", "new_a")] == 2
        assert told[("level", "item"), ("marketplace", "trendyol"), ("word", "odd item")] == 29
        assert "injected" not in world.metrics.scrape("")[0].decode()


def test_words_are_looked_for_on_batch_and_items() -> None:
    labels = Labels()
    assert labels.of("idefix", " Odd ") == ("odd", True)
    assert labels.of("idefix", "ODD") == ("odd", False)
    assert labels.of("idefix", "no\x1b[31m") == (OTHER, True)
    assert labels.of("idefix", "nor this!") == (OTHER, False)


async def test_the_log_says_where_an_unknown_word_stood(caplog: pytest.LogCaptureFixture) -> None:
    async with observed() as world:
        world.marketplace.scripts["odd"] = lambda *_: body("odd", "TAMAM", status="Bitti mi?")
        await world.batches.get(ref("odd"))
    lines = [json.loads(JsonFormatter().format(made)) for made in caplog.records if made.message == "word.unknown"]
    told = {(line["level"], line["batch"], line["on"], line["word"]) for line in lines}
    assert told == {("warning", "odd", "batch", "Bitti mi?"), ("warning", "odd", "item", "TAMAM")}


@pytest.mark.parametrize(
    ("updated", "completed", "delay"), [(3, None, 7.0), (3, 6, 4.0), (0, None, None), (None, None, None), (30, None, 0)]
)
async def test_detection_delay(updated: int | None, completed: int | None, delay: float | None) -> None:
    """By the newest time that the marketplace had not told before; never below zero."""
    async with observed() as world:
        world.marketplace.scripts["a"] = lambda *_: body("a", "PROCESSING")
        old = (await world.batches.get(ref("a"))).state
        old = replace(old, snapshot=msgspec.structs.replace(old.snapshot, updated_at=old.fetched_at, completed_at=None))

        def at(seconds: int | None) -> Any:
            return None if seconds is None else old.fetched_at + timedelta(seconds=seconds)

        changed: Snapshot = msgspec.structs.replace(old.snapshot, updated_at=at(updated), completed_at=at(completed))
        new: State = replace(old, snapshot=changed, fetched_at=old.fetched_at + timedelta(seconds=10))
        assert detection_delay(old, new) == delay
        assert list(unknown_words(changed)) == []


async def test_detection_is_told_of_watched_batches() -> None:
    async with observed() as world:

        def answer(now: float, _: int) -> httpx.Response:
            told = (
                body("a", "SUCCESS", "SUCCESS", status="COMPLETED").json()
                if now >= 4
                else body("a", "PROCESSING").json()
            )
            start = told["creationDate"]
            return httpx.Response(200, json={**told, "lastModification": start + (4000 if now >= 4 else 0)})

        world.marketplace.scripts["a"] = answer
        subscription = await world.watches.subscribe([ref("a")], Detail.STATUS)
        await world.clock.advance(60)
        await subscription.aclose()
        assert world.count("detection_delay_seconds_count", attended="true") == 1
        total = world.count("detection_delay_seconds_sum", attended="true")
        assert total is not None
        assert 0 <= total < 5


def test_a_tally_and_a_spread_as_prometheus_reads_them() -> None:
    metrics = Metrics({})
    tally, spread = Tally("things", "Things", "kind"), Spread("waits_seconds", "Waits", (1, 2), "kind")
    tally.add('odd "kind"\n')
    for seconds in (0.5, 1.0, 1.5, 9):
        spread.add(seconds, "a")
    metrics.add(lambda: [tally.family(), spread.family()])
    found = samples(metrics.scrape("")[0].decode())
    assert value(found, "things_total", kind='odd "kind"\n') == 1
    steps = [value(found, "waits_seconds_bucket", kind="a", le=le) for le in ("1.0", "2.0", "+Inf")]
    assert steps == [2, 3, 4]
    assert value(found, "waits_seconds_sum", kind="a") == 12


def test_compiled_operations_are_told() -> None:
    counts, metrics = Counts(), Metrics({})
    counts.made, counts.given_up, counts.planned, counts.unplanned = 7, 2, 5, 3
    metrics.add(lambda: plan_families(counts))
    found = samples(metrics.scrape("")[0].decode())
    assert value(found, "compiled_values_total") == 7
    assert value(found, "compiled_operations_total") == 5
    assert value(found, "fallback_operations_total") == 3


def test_replicas_are_told() -> None:
    metrics = Metrics({})
    metrics.add(lambda: cluster_families(ClusterStatus(True, True, 0.0, 3, 17, 0.25, 900)))
    text = metrics.scrape("")[0].decode()
    found = samples(text)
    told = [value(found, f"cluster_{name}") for name in ("joined", "members", "leases", "reserve_share")]
    assert told == [1, 3, 17, 0.25]
    assert value(found, "cluster_commands_total") == 900
    for name in re.findall(r"^# TYPE batch_gateway_(cluster\w+)", text, re.MULTILINE):
        assert f"`{name}`" in OPERATING


def test_counting_stays_out_of_the_global_registry() -> None:
    before = {family.name for family in REGISTRY.collect()}
    metrics, other = Metrics({"shop": "trendyol"}), Metrics({"shop": "trendyol"})
    Observation(metrics).call_ended(Call("trendyol", "shop", "trendyol", ErrorCode.NOT_FOUND, 404, 0.1))
    assert {family.name for family in REGISTRY.collect()} == before
    assert value(samples(other.scrape("")[0].decode()), "upstream_calls_total", **SHOP) == 0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


def app_of(sandbox: str, **server: Any) -> Gateway:
    return create_app(
        make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": "off"}, "server": server})
    )


SUBSCRIPTION = (
    'subscription { batchUpdates(refs: [{source: MIRCATE, id: "%s"}]) { batch { ... on NormalizedBatch { status } } } }'
)


def test_a_scrape_of_a_gateway_at_work(sandbox: str) -> None:
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        url = f"http://{host}:{port}"
        secret = "done-chosen-by-the-client"
        query = f'{{ batch(ref: {{source: TRENDYOL, id: "{secret}", account: "trendyol-demo"}}) {{ __typename }} }}'
        for asked in (query, query, query, "{ nonsense", query.replace("trendyol-demo", "nobody-here")):
            httpx.post(f"{url}/graphql", json={"query": asked}, trust_env=False)
        for accept in ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0"):
            headers = {"accept": accept}
            asked = {"query": SUBSCRIPTION % "metrics-1"}
            httpx.post(f"{url}/graphql", json=asked, headers=headers, trust_env=False, timeout=30)
        with connect(f"ws://{host}:{port}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            socket.send('{"type": "connection_init"}')
            socket.recv()
            asked_again = (SUBSCRIPTION % "metrics-2").replace('"', '\\"')
            socket.send(f'{{"type":"subscribe","id":"1","payload":{{"query":"{asked_again}"}}}}')
            socket.recv()
            during = samples(httpx.get(f"{url}/metrics", trust_env=False).text)
            assert value(during, "streams", transport="websocket") == 1
            assert value(during, "sockets") == 1
        answer = httpx.get(f"{url}/metrics", trust_env=False)
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = samples(answer.text)
        until(lambda: "websocket" in httpx.get(f"{url}/metrics", trust_env=False).text)
        assert value(found, "operations_total", kind="query") == 4
        assert value(found, "operations_total", kind="subscription") == 3
        assert value(found, "operations_refused_total") == 1
        assert value(found, "compiled_operations_total") is not None
        assert (value(found, "fallback_operations_total") or 0) >= 2
        assert (value(found, "shared_answers_hit_total"), value(found, "shared_answers_missed_total")) == (1, 3)
        who = {"marketplace": "trendyol", "account": "trendyol-demo"}
        assert value(found, "cache_lookups_total", **who, result="hit") == 2
        for transport in ("sse", "multipart"):
            assert value(found, "streams_ended_total", transport=transport, reason="completed") == 1
        assert value(found, "http_requests_total", status="200") is not None
        assert value(found, "build_info", version=VERSION) == 1
        for text in (secret, "metrics-1", "nobody-here"):
            assert text not in answer.text
        openmetrics = httpx.get(
            f"{url}/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}, trust_env=False
        )
        assert openmetrics.text.endswith("# EOF\n")


def test_a_socket_that_leaves_ends_its_streams(sandbox: str) -> None:
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        with connect(f"ws://{host}:{port}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            socket.send('{"type": "connection_init"}')
            socket.recv()
            asked = (SUBSCRIPTION % "slow-metrics").replace('"', '\\"')
            socket.send(f'{{"type":"subscribe","id":"1","payload":{{"query":"{asked}"}}}}')
            socket.recv()

        def ended() -> bool:
            found = samples(httpx.get(f"http://{host}:{port}/metrics", trust_env=False).text)
            return value(found, "streams_ended_total", transport="websocket", reason="gone") == 1

        until(ended)


BOUNDED = {
    *("marketplace", "account", "code", "result", "reason", "attended", "state"),
    *("level", "word", "kind", "transport", "status", "version", "le"),
}
"""Labels whose values come from the configuration or from closed lists; of words, the first few are told apart."""


def test_names_follow_the_convention(sandbox: str) -> None:
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        text = httpx.get(f"http://{host}:{port}/metrics", trust_env=False).text
    for family in text_string_to_metric_families(text):
        assert re.fullmatch(r"(batch_gateway|process)_[a-z_]+", family.name), family.name
        assert family.documentation
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        if family.type == "gauge":
            assert not re.search(r"_(total|count|sum|bucket)$", family.name)
        assert {label for sample in family.samples for label in sample.labels} <= BOUNDED, family.name


def test_metrics_can_be_switched_off(sandbox: str) -> None:
    with serve(app_of(sandbox, metrics=False), lifespan="on") as (host, port):
        assert httpx.get(f"http://{host}:{port}/metrics", trust_env=False).status_code == 404


OPERATING = (ROOT / "docs" / "operating.md").read_text()


def test_the_page_and_the_dashboard_name_what_is_told(sandbox: str) -> None:
    with serve(app_of(sandbox), lifespan="on") as (host, port):
        text = httpx.get(f"http://{host}:{port}/metrics", trust_env=False).text
    told = {
        name.removeprefix("batch_gateway_")
        for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
        if name.startswith("batch_gateway_")
    }
    [section] = re.findall(r"^## Metrics\n(.*?)^## ", OPERATING, re.DOTALL | re.MULTILINE)
    rows = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert rows == told
    dashboard = (ROOT / "docs" / "grafana.json").read_text()
    shown = set(re.findall(r"batch_gateway_(\w+)", dashboard))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} == told  # "shows all of it"
    assert len({panel["id"] for panel in json.loads(dashboard)["panels"]}) == len(json.loads(dashboard)["panels"])
    alerts = set(re.findall(r"batch_gateway_(\w+)\{|batch_gateway_(\w+)\[", OPERATING))
    assert {re.sub(r"_(bucket)$", "", first or second) for first, second in alerts} <= told
