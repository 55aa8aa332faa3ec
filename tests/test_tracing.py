"""Traces: request, load, upstream call, as OpenTelemetry's own exporter in memory sees them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from adapters.errors import ErrorCode
from adapters.observer import Call
from gateway.app import create_app
from gateway.observe.tracing import Tracing, TracingError, tracing_of
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.live_server import serve, until

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing(provider, provider.shutdown)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def url(sandbox: str, tracing: Tracing) -> Iterator[str]:
    settings = make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": "off"}})
    with serve(create_app(settings, tracing=tracing), lifespan="on") as (host, port):
        yield f"http://{host}:{port}"


def ask(url: str, query: str, **headers: str) -> Any:
    return httpx.post(f"{url}/graphql", json={"query": query}, headers=headers, trust_env=False, timeout=30)


def spans(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name.startswith(name)]


def test_a_question_is_one_trace(url: str, exporter: InMemorySpanExporter) -> None:
    query = '{ batch(ref: {source: TRENDYOL, id: "done-traced-1"}) { __typename } }'
    ask(url, query, traceparent=f"00-{TRACE}-b7ad6b7169203331-01", **{"x-request-id": "r1"})
    until(lambda: bool(spans(exporter, "POST /graphql")))  # it ends after the answer was sent
    [request], [load], [call] = (spans(exporter, name) for name in ("POST /graphql", "load batch", "call trendyol"))
    assert {format(span.context.trace_id, "032x") for span in (request, load, call) if span.context} == {TRACE}
    assert request.kind is SpanKind.SERVER
    assert call.kind is SpanKind.CLIENT
    for child, parent in ((load, request), (call, load)):
        assert child.parent is not None
        assert parent.context is not None
        assert child.parent.span_id == parent.context.span_id
    assert request.attributes is not None
    assert load.attributes is not None
    assert call.attributes is not None
    assert request.attributes["batch_gateway.request_id"] == "r1"
    assert request.attributes["http.response.status_code"] == 200
    assert load.attributes["batch_gateway.batch_id"] == "done-traced-1"
    assert call.attributes["http.response.status_code"] == 200
    assert call.start_time is not None
    assert call.end_time is not None
    assert call.end_time > call.start_time
    ask(url, query)
    assert len(spans(exporter, "load batch")) == 1, "what is at hand is not loaded"


def test_failures_are_seen(url: str, exporter: InMemorySpanExporter) -> None:
    ask(url, '{ batch(ref: {source: SURECART_BATCH, id: "gone-1"}) { __typename } }')
    for span in (spans(exporter, "load batch")[-1], spans(exporter, "call surecart")[-1]):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == "NOT_FOUND"
        assert span.events == ()


def test_a_watch_is_a_trace_of_its_own(url: str, exporter: InMemorySpanExporter) -> None:
    query = 'subscription { batchUpdates(refs: [{source: MIRCATE, id: "traced-2"}]) { isFinal } }'
    ask(url, query, accept="text/event-stream")
    until(lambda: bool(spans(exporter, "POST /graphql")))
    [request] = spans(exporter, "POST /graphql")
    loads = spans(exporter, "load batch")
    assert loads
    assert request.context is not None
    for load in loads:
        assert load.context is not None
        assert load.parent is None
        assert load.context.trace_id != request.context.trace_id


def test_nothing_of_ours_goes_along_to_marketplaces(url: str, tracing: Tracing, exporter: InMemorySpanExporter) -> None:
    tracing.call(Call("idefix", "shop", "idefix-inventory", ErrorCode.UPSTREAM_TIMEOUT, None, 0.25))
    [call] = spans(exporter, "call idefix")
    assert call.attributes is not None
    assert "http.response.status_code" not in call.attributes
    assert call.status.status_code is StatusCode.ERROR


def test_without_a_place_to_send_them_there_are_none() -> None:
    assert tracing_of({}) is None
    assert tracing_of({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}) is None


def test_the_environment_names_the_place() -> None:
    tracing = tracing_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert tracing is not None
    tracing.close()


def test_the_extra_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(TracingError, match=r"batch-gateway\[otel\]"):
        tracing_of({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9"})


@pytest.mark.slow
def test_the_end_waits_for_no_collector_that_is_away() -> None:
    away, has_sent = threading.Event(), threading.Event()

    def send() -> None:
        away.wait(30)
        has_sent.set()

    settings = make_settings({"store": {"path": "off"}})
    with serve(create_app(settings, tracing=Tracing(TracerProvider(shutdown_on_exit=False), send)), lifespan="on"):
        pass
    assert not has_sent.is_set()
    away.set()
    assert has_sent.wait(30)
