"""What clients hold open, watched over: who is gone, who stopped reading, who has to go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from enum import Enum
from typing import ClassVar, Final

from adapters.clock import Clock
from gateway.engine.stream import Stream
from gateway.transports.clients import Client
from gateway.transports.drain import Drain
from gateway.transports.herald import Herald
from gateway.transports.limits import TransportLimits
from gateway.transports.observer import UNOBSERVED, TransportObserver
from gateway.transports.responses import Message, Receive, Scope, Send

_log: Final = logging.getLogger(__name__)

Results = AsyncGenerator[bytes, None] | Stream
"""What an operation answers, one result or many."""

ABORT: Final = "batch_gateway.abort"
"""The ASGI extension that drops a connection, unsent bytes included. ASGI itself has no word for that."""
PUSH: Final = "batch_gateway.push"
"""The ASGI extension that sends a text (UTF-8) over a WebSocket at once, without waiting; false where it cannot."""


ALWAYS: Final = -1
"""The turn of what is looked after in every round."""


class Ending(Enum):
    """Why something that a client holds open is ended from outside."""

    GONE = "the client left"
    STALLED = "the client stopped reading"
    LATE = "the client did not say in time what it wants"
    IDLE = "nothing happened"
    DRAIN = "the gateway goes down"
    EXPIRED = "the client is no longer let in"


class Live:
    """One request, stream or socket. It runs in one task, and ends by itself or by `end`."""

    __slots__ = (
        "_asgi_send",
        "_clock",
        "_interrupted_at",
        "_is_over",
        "_scope",
        "_sending_since",
        "_task",
        "active_at",
        "client",
        "ending",
        "started_at",
        "turn",
    )

    is_patient: ClassVar[bool] = False
    """Whether it is enough to be looked after once a second: there are thousands of this kind."""

    def __init__(self, scope: Scope, send: Send, clock: Clock) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # ASGI applications run in tasks
        self.client: Client | None = None
        self.ending: Ending | None = None
        self._task = task
        self._clock = clock
        self._asgi_send = send
        self._scope = scope
        self._is_over = False
        self.turn = ALWAYS
        """In which rounds of care it has its turn."""
        self.started_at = self.active_at = self._interrupted_at = clock.monotonic()
        self._sending_since: float | None = None

    def end(self, ending: Ending) -> None:
        """Interrupt it, for the first reason that comes. Does nothing once it is ending."""
        if self.ending is None and not self._is_over:
            self.ending = ending
            self._interrupt()

    def _interrupt(self) -> None:
        self._interrupted_at = self._clock.monotonic()
        self._task.cancel()

    def was_ended(self) -> bool:
        """In the handler of a cancellation: whether it came from `end`, which is then dealt with."""
        if self.ending is None:
            return False
        while self._task.cancelling():
            self._task.uncancel()
        return True

    def over(self) -> None:
        """Nothing is to be interrupted any more."""
        self._is_over = True

    async def send(self, message: Message) -> None:
        """Send, and let it be seen how long that takes."""
        if self._sending_since is None:
            self._sending_since = self._clock.monotonic()
        await self._asgi_send(message)
        self._sending_since = None
        self.active_at = self._clock.monotonic()

    async def answer(self, messages: tuple[Message, Message]) -> None:
        """Send a whole answer."""
        self._sending_since = self._clock.monotonic()
        start, body = messages
        await self._asgi_send(start)
        await self._asgi_send(body)
        self._sending_since = None

    @property
    def why(self) -> str:
        """The end's reason in a word: `completed`, or an `Ending`'s name in lower case."""
        return "completed" if self.ending is None else self.ending.name.lower()

    @property
    def is_sending(self) -> bool:
        """True while the server does not take what is sent, because the client does not read."""
        return self._sending_since is not None

    async def drop(self) -> None:
        """Drop the connection of a client that does not read, unsent bytes included, where the server can."""
        _log.info("client.stalled")
        abort = self._scope.get("extensions", {}).get(ABORT)
        if abort is not None:
            abort["call"]()
            await asyncio.sleep(0)  # the server hears of it in the next round of the loop

    def check(self, now: float, limits: TransportLimits) -> None:
        """Called once a second or more often; ends what has to end, and insists where it does not."""
        if self.ending is not None and not self._is_over and now - self._interrupted_at > limits.close_wait:
            self._interrupt()
        if self._sending_since is not None and now - self._sending_since > limits.send_wait:
            self.end(Ending.STALLED)
        expiry = None if self.client is None else self.client.expires_at
        if expiry is not None and expiry <= self._clock.now().timestamp():
            self.end(Ending.EXPIRED)

    async def watch(self, receive: Receive) -> None:
        """Wait until the client is gone. For HTTP, once the request has been read."""
        with contextlib.suppress(Exception):
            while (await receive())["type"] != "http.disconnect":
                pass
        self.end(Ending.GONE)


class Ceiling:
    """Places of one kind: so many in all, so many for each client."""

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._taken: dict[str, int] = {}
        self.count = 0

    @property
    def has_room(self) -> bool:
        """True while somebody may take a place."""
        return self.count < self._total

    def has_room_for(self, name: str) -> bool:
        """True where that client may take a place."""
        return self.count < self._total and self._taken.get(name, 0) < self._each

    def take(self, name: str) -> str | None:
        """Take a place, or say in words why there is none."""
        if self.count >= self._total:
            return "The gateway holds as many as it can: try again later."
        taken = self._taken.get(name, 0)
        if taken >= self._each:
            return f"You hold {self._each} at the same time, which is as many as you may."
        self._taken[name] = taken + 1
        self.count += 1
        return None

    def give(self, name: str) -> None:
        """Give a place back."""
        self.count -= 1
        left = self._taken[name] = self._taken[name] - 1
        if left <= 0:
            del self._taken[name]


class Crowd:
    """Everything that clients hold open, and the one task that looks after it."""

    def __init__(
        self, limits: TransportLimits, drain: Drain, clock: Clock, observer: TransportObserver = UNOBSERVED
    ) -> None:
        self.observer: Final = observer
        self.limits: Final = limits
        self.drain: Final = drain
        self.herald: Final = Herald()
        self.clock: Final = clock
        self.queries: Final = Ceiling(limits.requests, limits.requests_per_client)
        self.streams: Final = Ceiling(limits.streams, limits.streams_per_client)
        self.handshakes: Final = Ceiling(limits.sockets, limits.sockets)
        """Every socket, from its first moment."""
        self.sockets: Final = Ceiling(limits.sockets, limits.sockets_per_client)
        """Sockets of clients that were let in."""
        self._live: set[Live] = set()
        self._caretaker: asyncio.Task[None] | None = None
        waits = (limits.send_wait, limits.init_wait, limits.body_wait, limits.heartbeat, limits.idle)
        soon = min(waits) / 4
        self._pause = max(0.02, min(0.25, soon))
        self._turns = max(1, int(min(1.0, soon) / self._pause))
        """Rounds of care in which each of those that are patient has its turn."""
        self._entered = 0
        drain.listen(self._end_all)

    def __len__(self) -> int:
        return len(self._live)

    def enter(self, live: Live) -> None:
        """Look after it from now on."""
        self._live.add(live)
        if live.is_patient:
            self._entered += 1
            live.turn = self._entered % self._turns
        if self._caretaker is None or self._caretaker.done():
            self._caretaker = asyncio.get_running_loop().create_task(self._take_care())

    def leave(self, live: Live) -> None:
        """It is over."""
        live.over()
        self._live.discard(live)

    def end_clients(self, are_out: Callable[[Client], bool]) -> None:
        """End the streams and sockets of clients that are no longer let in."""
        for live in list(self._live):
            if live.client is not None and are_out(live.client):
                live.end(Ending.EXPIRED)

    def _end_all(self) -> None:
        for live in list(self._live):
            live.end(Ending.DRAIN)

    async def _take_care(self) -> None:
        idle_rounds = number = 0
        while idle_rounds < 40:
            await self.clock.sleep(self._pause)
            idle_rounds = 0 if self._live else idle_rounds + 1
            number += 1
            due = (ALWAYS, number % self._turns)
            now = self.clock.monotonic()
            for live in [live for live in self._live if live.turn in due]:
                try:
                    live.check(now, self.limits)
                except Exception:  # noqa: BLE001  # one that cannot be checked costs the others no care
                    _log.exception("client.check_failed")
                    live.end(Ending.GONE)

    async def aclose(self) -> None:
        """Stop looking after anything."""
        if self._caretaker is not None:
            self._caretaker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._caretaker
            self._caretaker = None


async def end_source(source: Results, wait: float) -> None:
    """Close a stream's source now; one that does not end in time is given up."""
    try:
        async with asyncio.timeout(wait):
            await source.aclose()
    except TimeoutError:
        _log.warning("stream.lingers", extra={"fields": {"waited": wait}})
    except Exception:  # noqa: BLE001  # whatever it is, the transport goes on
        _log.exception("stream.close_failed")
