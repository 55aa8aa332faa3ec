"""WebSocket for uvicorn: one small object for each of thousands of sockets that mostly have nothing to say.

uvicorn's own protocols keep three queues, a parser, compression and timers of their own for each. This one keeps what
the next frame needs; handshakes are checked by the `websockets` package, whose objects are let go with the handshake.

Beside ASGI's events an application finds two extensions: `ABORT` drops the connection, and `PUSH` sends a text at
once, without waiting, or says that it cannot.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

from uvicorn.protocols.utils import ClientDisconnected, get_local_addr, get_remote_addr, is_ssl
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gateway.transports.handshakes import judge, read_request
from gateway.transports.live import ABORT, PUSH
from gateway.transports.pulse import Pulse
from gateway.transports.responses import Message
from gateway.transports.rfc6455 import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frames,
    Violation,
    close_frame,
    frame,
    read_close,
    read_text,
)

_log: Final = logging.getLogger(__name__)
_LINGER: Final = 10.0
"""Seconds in which a client is to answer a close frame."""

_CONNECTING: Final = 0
_OPEN: Final = 1
_CLOSING: Final = 2
"""The close frame is sent; the client's is awaited."""
_CLOSED: Final = 3


class WebSocketProtocol(asyncio.Protocol):
    """One socket, from the request that asks for it."""

    __slots__ = (
        "_frames",
        "_gone",
        "_handshake",
        "_inbox",
        "_is_reading",
        "_linger",
        "_phase",
        "_pulse",
        "_reader",
        "_rejection",
        "_server",
        "_transport",
        "_writable",
        "app_state",
        "config",
        "is_heard",
        "turn",
    )

    def __init__(self, config: Any, server_state: Any, app_state: dict[str, Any], pulse: Pulse) -> None:
        self.config = config
        self.app_state = app_state
        self.is_heard = True
        """Whether the client has sent anything since it was last asked for a sign of life."""
        self.turn = -1
        """Its turn to be asked."""
        self._server = server_state
        self._pulse = pulse
        self._transport: Any = None
        self._phase = _CONNECTING
        self._handshake: Response | None = None
        self._rejection: Response | None = None
        self._frames = Frames(config.ws_max_size)
        self._inbox: list[Message] = []
        self._reader: asyncio.Future[None] | None = None
        self._is_reading = True
        self._writable: asyncio.Event | None = None
        """There while the client does not read as fast as is sent."""
        self._gone: Message | None = None
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once."""
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # the signature of `Protocol`
        """Called once, at the end."""
        self._server.connections.discard(self)
        self._over(1006 if self._phase == _CONNECTING else 1005)
        self.resume_writing()

    def pause_writing(self) -> None:
        """The client does not read as fast as is sent."""
        self._writable = self._writable or asyncio.Event()

    def resume_writing(self) -> None:
        """It has caught up, or is gone."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def shutdown(self) -> None:
        """The server ends."""
        if self._phase == _CONNECTING:
            self._answer(_response(500, b"Internal Server Error"))
        else:
            self._fail(1012, "")

    def data_received(self, data: bytes) -> None:
        """Called with whatever has come."""
        self.is_heard = True
        if self._handshake is None and self._phase == _CONNECTING:
            self._begin(data)
            return
        try:
            for opcode, payload in self._frames.feed(data):
                self._take(opcode, payload)
                if self._phase == _CLOSED:
                    return
        except Violation as violation:
            self._fail(violation.code, violation.reason)

    def ask_for_life(self) -> None:
        """Called now and then: ping, or give up a client that was silent since the last one."""
        if self.is_heard or not self._is_reading:
            self.is_heard = False
            self._transport.write(_PING)
        else:
            self._fail(1011, "keepalive ping timeout")

    def push(self, text: bytes) -> bool:
        """Send a text, given as UTF-8, now; False where the client does not read, or is gone."""
        if self._phase != _OPEN or self._writable is not None:
            return False
        self._transport.write(frame(TEXT, text))
        return True

    async def receive(self) -> Message:
        """ASGI: what the client says. After its end, that it is gone."""
        while not self._inbox:
            if self._gone is not None:
                return self._gone
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._inbox.pop(0)
        if not self._inbox and not self._is_reading:
            self._go_on_reading()
        return message

    async def send(self, message: Message) -> None:
        """ASGI: what the application says. Waits while the client does not read."""
        while self._writable is not None:
            await self._writable.wait()
        kind = message["type"]
        if self._phase == _OPEN:
            self._say(kind, message)
        elif self._phase == _CONNECTING:
            self._greet(kind, message)
        else:
            raise ClientDisconnected

    def _begin(self, data: bytes) -> None:
        """The request."""
        request = read_request(data)
        if request is None:
            self._answer(_response(400, b"WebSockets are opened by a GET without a body.\n"))
            return
        self._handshake = judge(request)
        if self._handshake.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._answer(self._handshake)
            return
        task = asyncio.get_running_loop().create_task(self._run(self._scope(request)))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)
        self._inbox.append({"type": "websocket.connect"})

    def _scope(self, request: Request) -> dict[str, Any]:
        path, _, query_string = request.path.partition("?")
        root: str = self.config.root_path
        offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
        return {
            "type": "websocket",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._transport) else "ws",
            "server": get_local_addr(self._transport),
            "client": get_remote_addr(self._transport),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": (root + path).encode("ascii"),
            "query_string": query_string.encode("ascii"),
            "headers": [(name.encode("ascii"), value.encode("latin-1")) for name, value in request.headers.raw_items()],
            "subprotocols": [name.strip() for name in offered.split(",") if name.strip()],
            "state": self.app_state.copy(),
            "extensions": {
                "websocket.http.response": {},
                ABORT: {"call": self._transport.abort},
                PUSH: {"call": self.push},
            },
        }

    async def _run(self, scope: dict[str, Any]) -> None:
        try:
            await self.config.loaded_app(scope, self.receive, self.send)
        except (ClientDisconnected, asyncio.CancelledError):
            pass
        except Exception:  # noqa: BLE001  # the application's fault, told below
            _log.exception("socket.failed")
        if self._phase == _CONNECTING:
            self._answer(_response(500, b"Internal Server Error"))
        elif self._phase == _OPEN:
            self._fail(1011, "")

    def _greet(self, kind: str, message: Message) -> None:
        """The application's answer to the handshake."""
        if kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            self._answer(_response(HTTPStatus.FORBIDDEN, b""))
        elif kind == "websocket.http.response.start" and self._rejection is None:
            self._rejection = _response(message["status"], b"", message.get("headers", ()))
        elif kind == "websocket.http.response.body" and self._rejection is not None:
            self._rejection.body += message.get("body", b"")
            if not message.get("more_body", False):
                self._answer(self._rejection)
        else:
            raise RuntimeError(f"{kind} before the handshake's end")

    def _accept(self, message: Message) -> None:
        answer = self._handshake
        assert answer is not None  # noqa: S101  # the application runs since there is one
        del answer.headers["Date"]
        for name, value in (*self._server.default_headers, *message.get("headers", ())):
            answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if message.get("subprotocol"):
            answer.headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
        self._handshake = None
        self._phase = _OPEN
        self._transport.write(answer.serialize())
        self._pulse.add(self)

    def _answer(self, response: Response) -> None:
        """Refuse the handshake."""
        response.headers.setdefault("Connection", "close")
        response.headers.setdefault("Content-Length", str(len(response.body)))
        self._transport.write(response.serialize())
        self._over(1006)
        self._transport.close()

    def _say(self, kind: str, message: Message) -> None:
        if kind == "websocket.send":
            text, data = message.get("text"), message.get("bytes")
            self._transport.write(frame(TEXT, text.encode()) if text is not None else frame(BINARY, data or b""))
        elif kind == "websocket.close":
            code = message.get("code", 1000)
            self._transport.write(close_frame(code, message.get("reason") or ""))
            self._phase = _CLOSING
            self._pulse.remove(self)
            self._gone = {"type": "websocket.disconnect", "code": code}
            self._inbox.clear()
            self._go_on_reading()  # for the client's close frame
            self._linger = asyncio.get_running_loop().call_later(_LINGER, self._transport.close)
        else:
            raise RuntimeError(f"{kind} on an open socket")

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._part(payload)
        elif opcode == PING:
            if self._writable is None:  # pongs for who does not read would pile up
                self._transport.write(frame(PONG, payload))
        elif opcode != PONG and self._phase != _CLOSING:
            told = {"text": read_text(payload)} if opcode == TEXT else {"bytes": payload}
            self._inbox.append({"type": "websocket.receive", **told})
            self._wake()

    def _part(self, payload: bytes) -> None:
        """The client's close frame: the end, or the answer to ours."""
        code, reason = read_close(payload)
        if self._phase == _OPEN:
            self._transport.write(frame(CLOSE, payload))
        self._over(code, reason)
        self._transport.close()

    def _fail(self, code: int, reason: str) -> None:
        """Close for a reason of our own, without waiting for an answer."""
        if self._phase == _OPEN:
            self._transport.write(close_frame(code, reason))
        self._over(code, reason)
        self._transport.close()

    def _over(self, code: int, reason: str = "") -> None:
        if self._phase != _CLOSED:
            self._phase = _CLOSED
            self._pulse.remove(self)
            self._gone = self._gone or {"type": "websocket.disconnect", "code": code, "reason": reason}
            self._wake()
            self.resume_writing()
            if self._linger is not None:
                self._linger.cancel()
                self._linger = None

    def _wake(self) -> None:
        """Let the application read, and the client wait while it does not."""
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)
        elif self._is_reading and self._phase <= _OPEN and not self._transport.is_closing():
            self._is_reading = False
            self._transport.pause_reading()

    def _go_on_reading(self) -> None:
        if not self._is_reading and not self._transport.is_closing():
            self._is_reading = True
            self._transport.resume_reading()


class WebSockets:
    """Makes the sockets of one server, for uvicorn's `ws`."""

    def __init__(self) -> None:
        self._pulse = Pulse()

    def __call__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: object = None
    ) -> WebSocketProtocol:
        """As uvicorn makes a protocol."""
        return WebSocketProtocol(config, server_state, app_state, self._pulse)


_PING: Final = frame(PING, b"")


def _response(status: int, body: bytes, headers: Any = ()) -> Response:
    given = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
    given.setdefault("Content-Type", "text/plain; charset=utf-8")
    return Response(status, HTTPStatus(status).phrase, given, body)
