"""The conversation on one socket: graphql-transport-ws, many operations side by side."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from gateway.engine.engine import Engine
from gateway.engine.errors import unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest, RequestError, UnknownDocument
from gateway.transports.clients import TOO_FAST, Admit, Authenticate, Client, Credentials, Unauthorized
from gateway.transports.frames import (
    ACK,
    KEEP_ALIVE,
    ClientMessage,
    Complete,
    ConnectionInit,
    ConnectionTerminate,
    Dialect,
    Ping,
    Subscribe,
    connection_error,
    pong,
)
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Crowd, Ending, Live, end_source
from gateway.transports.responses import Message, Receive, Scope, Send

_log: Final = logging.getLogger(__name__)


class Closing(Exception):
    """The socket is to be closed with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # a close frame has room for 123 bytes
        self.reason = reason.encode()[:123].decode(errors="ignore")


# 1012 (service restart) and 4403 make the usual clients connect again; 1000 ends a socket that nobody used.
_FAREWELL: Final = {
    Ending.LATE: Closing(4408, "Connection initialisation timeout"),
    Ending.IDLE: Closing(1000, "Idle"),
    Ending.DRAIN: Closing(1012, "Service restart"),
    Ending.EXPIRED: Closing(4403, "Credentials are no longer valid"),
}


@dataclass(frozen=True, slots=True)
class Server:
    """What all sockets share."""

    engine: Engine
    context: Callable[[Client], object]
    authenticate: Authenticate
    crowd: Crowd
    admit: Admit | None = None


class Socket(Live):
    """One socket and the operations on it."""

    __slots__ = ("_beat", "_dialect", "_ending", "_running", "_server", "_shown")

    def __init__(self, scope: Scope, send: Send, server: Server, dialect: Dialect, shown: Credentials) -> None:
        super().__init__(scope, send, server.crowd.clock)
        self._server = server
        self._dialect = dialect
        self._shown: Credentials | None = shown
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._ending: set[asyncio.Task[bool]] | None = None
        """Operations that the client has completed and that have not come to their end."""
        self._beat: asyncio.Task[None] | None = None

    async def converse(self, receive: Receive) -> Closing | None:
        """Answer messages until the socket ends. Returns how to close it, or None where nobody is there any more."""
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                self.active_at = self._clock.monotonic()
                await self._handle(self._read(message))
                del message
        except Closing as closing:
            return closing
        except asyncio.CancelledError:
            if not self.was_ended():
                raise
            return _FAREWELL.get(self.ending) if self.ending else None
        except OSError:
            return None
        except Exception as error:  # noqa: BLE001  # the gateway's own fault
            unexpected(error)
            return Closing(1011, "Internal error")
        finally:
            self.over()
            await self._end_operations()
        return None

    def check(self, now: float, limits: TransportLimits) -> None:
        """As for everything live; and sockets that do not say who they are, or have nothing to do."""
        super().check(now, limits)
        quiet = now - self.active_at
        if self.client is None:
            if now - self.started_at > limits.init_wait:
                self.end(Ending.LATE)
        elif not self._running and not self._ending and quiet > limits.idle:
            self.end(Ending.IDLE)
        elif self._dialect.is_legacy and quiet > limits.heartbeat and not self.is_sending:
            self._beat = asyncio.ensure_future(self._say_quietly(KEEP_ALIVE))

    def _read(self, message: Message) -> ClientMessage:
        text = message.get("text")
        if text is None:
            raise Closing(4400, "Binary messages are not understood")
        if len(text) > self._server.crowd.limits.frame:
            raise Closing(1009, f"Messages of more than {self._server.crowd.limits.frame} bytes are not read")
        try:
            return self._dialect.read(text)
        except msgspec.MsgspecError as error:
            raise Closing(4400, f"Invalid message: {error}") from None
        except (ValueError, RecursionError):
            raise Closing(4400, "Invalid message") from None

    async def _handle(self, message: ClientMessage) -> None:
        if isinstance(message, Subscribe):
            await self._subscribe(message)
        elif isinstance(message, Complete):
            self._complete(message.id)
        elif isinstance(message, ConnectionInit):
            await self._let_in(message)
        elif isinstance(message, Ping):
            await self._say(pong(message.payload))
        elif isinstance(message, ConnectionTerminate):
            raise Closing(1000, "Goodbye")

    async def _let_in(self, message: ConnectionInit) -> None:
        shown, self._shown = self._shown, None
        if shown is None:
            raise Closing(4429, "Too many initialisation requests")
        try:
            client = await self._server.authenticate(
                Credentials(shown.headers, shown.query_string, message.payload or {}, shown.peer)
            )
        except Unauthorized as error:
            if self._dialect.is_legacy:
                await self._say(connection_error(error.message))
            raise Closing(error.close_code, error.message) from None
        if (full := self._server.crowd.sockets.take(client.name)) is not None:
            raise Closing(1013, full)
        self.client = client
        await self._say(ACK)
        if self._dialect.is_legacy:
            await self._say(KEEP_ALIVE)

    async def _subscribe(self, message: Subscribe) -> None:
        client, operation_id, request = self.client, message.id, message.payload
        if client is None:
            raise Closing(4401, "Unauthorized")
        if operation_id in self._running:
            raise Closing(4409, f"Subscriber for {operation_id} already exists")
        if request.query is None and not request.extensions and request.document_id is None:
            raise Closing(4400, "Invalid message: `query` is missing - at `$.payload`")
        try:
            self._check_room()
            await self._check_rate(client)
            prepared = await self._prepare(request)
            context = self._server.context(client)
            is_stream = prepared.kind == "subscription"
            if is_stream:
                self._take_stream(client)
            self._start(operation_id, self._server.engine.stream(prepared, context), client if is_stream else None)
        except RequestError as error:
            await self._say(self._dialect.error(operation_id, error.errors))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # the context's fault, which costs this operation alone
            await self._say(self._dialect.error(operation_id, [unexpected(error)]))

    async def _prepare(self, request: OperationRequest) -> Prepared:
        observer = self._server.crowd.observer
        try:
            try:
                prepared = self._server.engine.prepare(request)
            except UnknownDocument as unknown:
                prepared = await self._server.engine.prepare_sought(request, unknown)
        except RequestError:
            observer.refused()
            raise
        observer.operation(prepared.kind)
        return prepared

    async def _check_rate(self, client: Client) -> None:
        admit = self._server.admit
        if admit is not None and not await admit(client.name):
            raise RequestError([TOO_FAST])

    def _check_room(self) -> None:
        most = self._server.crowd.limits.operations
        if len(self._running) + len(self._ending or ()) >= most:
            raise RequestError.of("TOO_MANY_OPERATIONS", f"A socket may have {most} operations at the same time.")

    def _take_stream(self, client: Client) -> None:
        if (full := self._server.crowd.streams.take(client.name)) is not None:
            raise RequestError.of("TOO_MANY_STREAMS", full)

    def _start(self, operation_id: str, source: AsyncGenerator[bytes, None], stream_of: Client | None = None) -> None:
        task = asyncio.ensure_future(self._run(operation_id, source))
        self._running[operation_id] = task
        if stream_of is not None:
            self._server.crowd.observer.stream_began("websocket")
        task.add_done_callback(partial(self._ended, operation_id, stream_of))

    def _ended(self, operation_id: str, stream_of: Client | None, task: asyncio.Task[bool]) -> None:
        is_left = self._ending is not None and task in self._ending
        if self._ending is not None:
            self._ending.discard(task)
        if self._running.get(operation_id) is task:
            del self._running[operation_id]
        if stream_of is not None:
            self._server.crowd.streams.give(stream_of.name)
            self._server.crowd.observer.stream_ended("websocket", self._why(task, is_left=is_left))

    def _why(self, task: asyncio.Task[bool], *, is_left: bool) -> str:
        """Why a stream ended: by itself, by its client, or with its socket."""
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("stream.broke", exc_info=error)
            return "failed"
        if not task.cancelled() and not is_left and self.ending is None:
            return "completed" if task.result() else "failed"
        return "gone" if is_left or self.ending is None else self.why

    async def _run(self, operation_id: str, source: AsyncGenerator[bytes, None]) -> bool:
        """True where the operation came to its own end."""
        is_good = True
        before, after = self._dialect.results(operation_id)
        try:
            async for payload in source:
                await self._say(f"{before}{payload.decode(errors='replace')}{after}")
                del payload
            last = self._dialect.complete(operation_id)
        except RequestError as error:
            is_good = False
            last = self._dialect.error(operation_id, error.errors)
        except OSError:
            self.end(Ending.GONE)
            return False
        finally:
            await end_source(source, self._server.crowd.limits.close_wait)
        # the id is free once the client hears that the operation is over
        self._running.pop(operation_id, None)
        await self._say_quietly(last)
        return is_good

    def _complete(self, operation_id: str) -> None:
        task = self._running.pop(operation_id, None)
        if task is not None:
            # counted as one of the socket's operations until it has really ended
            self._ending = self._ending or set()
            self._ending.add(task)
            task.cancel()

    async def _end_operations(self) -> None:
        tasks = {*self._running.values(), *(self._ending or ()), *([] if self._beat is None else [self._beat])}
        for _ in range(2):  # the second time for sources that have not ended in time
            for task in tasks:
                task.cancel()
            if tasks:
                _, tasks = await asyncio.wait(tasks, timeout=self._server.crowd.limits.close_wait)
        if self.client is not None:
            self._server.crowd.sockets.give(self.client.name)

    async def _say(self, text: str) -> None:
        await self.send({"type": "websocket.send", "text": text})

    async def _say_quietly(self, text: str) -> None:
        with contextlib.suppress(OSError):
            await self._say(text)
