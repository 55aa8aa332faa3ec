"""The conversation on one socket: graphql-transport-ws, many operations side by side."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.engine.engine import Engine
from gateway.engine.errors import unexpected
from gateway.engine.operation import Prepared
from gateway.engine.request import OperationRequest, RequestError, UnknownDocument
from gateway.transports.clients import (
    OVERLOADED,
    TOO_FAST,
    TOO_MANY,
    Admit,
    Authenticate,
    Client,
    Credentials,
    Unauthorized,
)
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
from gateway.transports.herald import Herald
from gateway.transports.limits import TransportLimits
from gateway.transports.live import PUSH, Crowd, Ending, Live, Results
from gateway.transports.operations import Operation
from gateway.transports.responses import Message, Receive, Scope, Send


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

    is_patient = True
    __slots__ = ("_beat", "_ending", "_push", "_running", "_server", "_shown", "dialect")

    def __init__(self, scope: Scope, send: Send, server: Server, dialect: Dialect, shown: Credentials) -> None:
        super().__init__(scope, send, server.crowd.clock)
        self._server = server
        self.dialect = dialect
        self._shown: Credentials | None = shown
        self._push: Callable[[bytes], bool] | None = scope.get("extensions", {}).get(PUSH, {}).get("call")
        self._running: dict[str, Operation] = {}
        self._ending: set[Operation] | None = None
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
        elif self.dialect.is_legacy and quiet > limits.heartbeat and not self.is_sending:
            self._beat = asyncio.ensure_future(self._say_quietly(KEEP_ALIVE))

    def _read(self, message: Message) -> ClientMessage:
        text = message.get("text")
        if text is None:
            raise Closing(4400, "Binary messages are not understood")
        if len(text) > self._server.crowd.limits.frame:
            raise Closing(1009, f"Messages of more than {self._server.crowd.limits.frame} bytes are not read")
        try:
            return self.dialect.read(text)
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
            await self.say(pong(message.payload))
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
            if self.dialect.is_legacy:
                await self.say(connection_error(error.message))
            raise Closing(error.close_code, error.message) from None
        if (full := self._server.crowd.sockets.take(client.name)) is not None:
            raise Closing(1013, full)
        self.client = client
        await self.say(ACK)
        if self.dialect.is_legacy:
            await self.say(KEEP_ALIVE)

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
            self._take_place(client, is_stream=is_stream)
            source = self._server.engine.stream(prepared, context)
            self._start(operation_id, source, client, is_stream=is_stream)
        except RequestError as error:
            await self.say(self.dialect.error(operation_id, error.errors))
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # the context's fault, which costs this operation alone
            await self.say(self.dialect.error(operation_id, [unexpected(error)]))

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

    def _take_place(self, client: Client, *, is_stream: bool) -> None:
        crowd = self._server.crowd
        if is_stream and (full := crowd.streams.take(client.name)) is not None:
            raise RequestError.of("TOO_MANY_STREAMS", full)
        if not is_stream and crowd.queries.take(client.name) is not None:
            raise RequestError([TOO_MANY if crowd.queries.has_room else OVERLOADED])

    def _start(self, operation_id: str, source: Results, client: Client, *, is_stream: bool) -> None:
        if is_stream:
            self._server.crowd.observer.stream_began("websocket")
        self._running[operation_id] = Operation(self, operation_id, source, client.name, is_stream=is_stream)

    def is_over(self, operation: Operation) -> None:
        """The operation's id is free."""
        if self._running.get(operation.id) is operation:
            del self._running[operation.id]

    def has_ended(self, operation: Operation, how: str | None) -> None:
        """Nothing of the operation is left."""
        self.is_over(operation)
        if self._ending is not None:
            self._ending.discard(operation)
        crowd = self._server.crowd
        if operation.is_stream:
            crowd.streams.give(operation.client_name)
            crowd.observer.stream_ended("websocket", self._why(operation, how))
        else:
            crowd.queries.give(operation.client_name)

    def _why(self, operation: Operation, how: str | None) -> str:
        """Why a stream ended: by itself, by its client, or with its socket."""
        if how == "broken":
            return "failed"
        if how is not None and not operation.is_left and self.ending is None:
            return how
        return "gone" if operation.is_left or self.ending is None else self.why

    def _complete(self, operation_id: str) -> None:
        operation = self._running.pop(operation_id, None)
        if operation is not None:
            operation.is_left = True
            if operation.leave() is not None:
                # counted as one of the socket's operations until it has really ended
                self._ending = self._ending or set()
                self._ending.add(operation)

    async def _end_operations(self) -> None:
        operations = [*self._running.values(), *(self._ending or ())]
        tasks = {task for operation in operations if (task := operation.leave()) is not None}
        if self._beat is not None:
            self._beat.cancel()
            tasks.add(self._beat)
        for _ in range(2):  # the second time for sources that have not ended in time
            if tasks:
                _, tasks = await asyncio.wait(tasks, timeout=self._server.crowd.limits.close_wait)
            for task in tasks:
                task.cancel()
        if self.client is not None:
            self._server.crowd.sockets.give(self.client.name)

    @property
    def herald(self) -> Herald:
        """Who calls operations that rest."""
        return self._server.crowd.herald

    @property
    def close_wait(self) -> float:
        """Seconds that a source has to end."""
        return self._server.crowd.limits.close_wait

    @property
    def can_push(self) -> bool:
        """Whether the server can send without waiting."""
        return self._push is not None

    def push(self, text: bytes) -> bool:
        """Send a text now; False where the client does not read, or the socket ends."""
        return self._push is not None and self.ending is None and self._push(text)

    async def say(self, text: str) -> None:
        """Send a text, and wait until the client has room for it. Raises `OSError` where it is gone."""
        await self.send({"type": "websocket.send", "text": text})

    async def _say_quietly(self, text: str) -> None:
        with contextlib.suppress(OSError):
            await self.say(text)
