"""OpenTelemetry traces: request, load, upstream call. Without the `otel` extra, or a place to send them, nothing.

Where they go is said by OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, …), or by
whoever started the process under `opentelemetry-instrument`. Nothing is sent along to marketplaces.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from adapters.errors import BatchError
from adapters.model import BatchRef
from adapters.observer import Call
from gateway.observe.text import shown

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NAME: Final = "batch-gateway"


class TracingError(Exception):
    """Traces are asked for and cannot be sent; the text says what to do."""


class Tracing:
    """Makes spans of one provider."""

    def __init__(self, provider: Any, close: Callable[[], None] = lambda: None) -> None:
        self._api: Any = importlib.import_module("opentelemetry.trace")
        self._propagate: Any = importlib.import_module("opentelemetry.propagate")
        self._tracer: Any = provider.get_tracer(_NAME)
        self.close = close
        """Send what is left, and stop. Blocks for as long as that takes."""

    @contextmanager
    def request(self, kind: str, headers: list[tuple[bytes, bytes]], request_id: str) -> Generator[Any]:
        """Around a client's request, as part of the trace that it came with."""
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        with self._tracer.start_as_current_span(
            f"{kind} /graphql",
            context=self._propagate.extract(carrier),
            kind=self._api.SpanKind.SERVER,
            attributes={"batch_gateway.request_id": request_id},
        ) as span:
            yield span

    @contextmanager
    def load(self, ref: BatchRef, *, is_watch: bool, is_joined: bool) -> Generator[None]:
        """Around a wait for the marketplace. A watch's is the root of a trace: nobody asked."""
        attributes = {**_of(ref), "batch_gateway.watch": is_watch, "batch_gateway.joined": is_joined}
        with self._tracer.start_as_current_span(
            "load batch", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BatchError as error:
                self._fail(span, error.code.value)
                raise

    def call(self, call: Call) -> None:
        """A call to a marketplace that has just ended, below the load that it was made for."""
        ended = time.time_ns()
        span = self._tracer.start_span(
            f"call {call.marketplace}",
            kind=self._api.SpanKind.CLIENT,
            start_time=ended - int(call.seconds * 1e9),
            attributes={
                "batch_gateway.marketplace": call.marketplace,
                "batch_gateway.account": call.account,
                "batch_gateway.source": call.source,
                **({} if call.status is None else {"http.response.status_code": call.status}),
            },
        )
        if call.error is not None:
            self._fail(span, call.error.value)
        span.end(ended)

    def _fail(self, span: Any, code: str) -> None:
        span.set_attribute("error.type", code)
        span.set_status(self._api.StatusCode.ERROR, code)


def tracing_of(environ: Mapping[str, str]) -> Tracing | None:
    """Traces as the environment asks for them; None where it does not. Raises `TracingError`."""
    if environ.get("OTEL_SDK_DISABLED", "").casefold() == "true":
        return None
    if any(environ.get(name) for name in _ENDPOINTS):
        return _exporting()
    api: Any = sys.modules.get("opentelemetry.trace")
    provider = None if api is None else api.get_tracer_provider()
    return None if api is None or isinstance(provider, api.ProxyTracerProvider) else Tracing(provider)


def _exporting() -> Tracing:
    try:
        exporter: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources: Any = importlib.import_module("opentelemetry.sdk.resources")
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        batching: Any = importlib.import_module("opentelemetry.sdk.trace.export")
    except ImportError as error:
        raise TracingError(
            f"the environment asks for traces ({' or '.join(_ENDPOINTS)}), which need the extra batch-gateway[otel]: "
            "add it as docs/operating.md says, or unset the variable"
        ) from error
    resource = resources.Resource({"service.name": _NAME}).merge(resources.OTELResourceDetector().detect())
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(batching.BatchSpanProcessor(exporter.OTLPSpanExporter()))
    return Tracing(provider, provider.shutdown)


def _of(ref: BatchRef) -> dict[str, str]:
    return {
        "batch_gateway.source": ref.source,
        "batch_gateway.account": ref.account,
        "batch_gateway.batch_id": shown(ref.id),
    }
