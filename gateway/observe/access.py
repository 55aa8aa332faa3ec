"""Around every request: its id, its line in the log, its share of the counters, its trace."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from gateway.observe.metrics import Metrics
from gateway.observe.request_id import CURRENT, HEADER, RequestIds
from gateway.observe.tracing import Tracing
from gateway.transports.responses import Message, Receive, Scope, Send

_log: Final = logging.getLogger(__name__)
_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/_assets/")
"""Asked for all day by machines, or many at a time: told at debug only."""

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Access:
    """An ASGI application around another, for `http` and `websocket`."""

    def __init__(self, app: App, metrics: Metrics, tracing: Tracing | None = None, *, is_logged: bool = True) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._is_logged = is_logged
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take note."""
        request_id = self._ids.of(scope["headers"])
        CURRENT.set(request_id)
        visit = _Visit(send, request_id)
        is_graphql = scope["path"].endswith("/graphql")
        tracing = self._tracing if is_graphql else None
        try:
            if tracing is None:
                await self._app(scope, receive, visit.send)
            else:
                kind = scope.get("method", "WebSocket")
                with tracing.request(kind, scope["headers"], request_id) as span:
                    await self._app(scope, receive, visit.send)
                    span.set_attribute("http.response.status_code", visit.status)
        finally:
            self._take_note(scope, visit, is_graphql=is_graphql)

    def _take_note(self, scope: Scope, visit: _Visit, *, is_graphql: bool) -> None:
        is_http = scope["type"] == "http"
        if is_http and visit.status:
            self._metrics.requests.add(str(visit.status))
            if is_graphql:
                self._metrics.answers.add(visit.began - visit.came)
        if self._is_logged and _log.isEnabledFor(logging.INFO):
            self._tell(scope, visit, is_http=is_http)

    def _tell(self, scope: Scope, visit: _Visit, *, is_http: bool) -> None:
        path: str = scope["path"]
        level = logging.DEBUG if path.startswith(_QUIET) else logging.INFO
        if not _log.isEnabledFor(level):
            return
        peer = scope.get("client")
        fields: dict[str, Any] = {
            "path": path,
            "status": visit.status,
            "seconds": round(time.perf_counter() - visit.came, 6),
            "peer": None if peer is None else peer[0],
        }
        if is_http:
            fields = {"method": scope["method"], **fields}
        _log.log(level, "http.request" if is_http else "socket.closed", extra={"fields": fields})


class _Visit:
    """One request: when it came, and how its answer began."""

    __slots__ = ("_header", "_send", "began", "came", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._header = (HEADER, request_id.encode())
        self.came = self.began = time.perf_counter()
        self.status = 0
        """0 where there was none: the client left before."""

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on; the first one carries the request's id."""
        kind = message["type"]
        if kind in {"http.response.start", "websocket.http.response.start"}:
            self.status = message["status"]
            self.began = time.perf_counter()
            message = {**message, "headers": [*message["headers"], self._header]}
        elif kind == "websocket.accept":
            self.status = 101
            message = {**message, "headers": [*message.get("headers", ()), self._header]}
        return self._send(message)
