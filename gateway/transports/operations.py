"""One operation on a socket: a task while it works or waits for its client, and none while nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final, Protocol

from gateway.engine.request import RequestError
from gateway.engine.stream import Stream
from gateway.transports.frames import Dialect
from gateway.transports.herald import Herald
from gateway.transports.live import Ending, Results, end_source

_log: Final = logging.getLogger(__name__)


class Speaker(Protocol):
    """The socket, as an operation sees it."""

    @property
    def dialect(self) -> Dialect:
        """How results are written."""
        ...

    @property
    def herald(self) -> Herald:
        """Who calls operations that rest."""
        ...

    @property
    def close_wait(self) -> float:
        """Seconds that a source has to end."""
        ...

    @property
    def can_push(self) -> bool:
        """Whether `push` may ever be true."""
        ...

    def push(self, text: bytes) -> bool:
        """Send a text now; False where the client does not read."""
        ...

    async def say(self, text: str) -> None:
        """Send a text, and wait until the client has room for it. Raises `OSError` where it is gone."""
        ...

    def end(self, ending: Ending) -> None:
        """End the socket."""
        ...

    def is_over(self, operation: Operation) -> None:
        """The operation's id is free."""
        ...

    def has_ended(self, operation: Operation, how: str | None) -> None:
        """Nothing of it is left. `how` is `completed`, `failed`, `broken`, or None where it was ended."""
        ...


class Operation:
    """Works in a task until its source has nothing to say for now; then it rests, and is called by the herald.

    What comes is pushed there and then. Where the client does not read, where a result is to be awaited and at the
    end a task does the work, which waits as long as need be while the source keeps only the newest.
    """

    __slots__ = ("_before", "_is_called", "_socket", "_source", "_task", "client_name", "id", "is_left", "is_stream")

    def __init__(
        self, socket: Speaker, operation_id: str, source: Results, client_name: str, *, is_stream: bool
    ) -> None:
        self.id = operation_id
        self.client_name = client_name
        self.is_stream = is_stream
        """A subscription, rather than one answer."""
        self.is_left = False
        """The client has completed it."""
        self._socket = socket
        self._source = source
        self._before = socket.dialect.before(operation_id)
        self._is_called = False
        self._task: asyncio.Task[str | None] | None = None
        self._work(None)

    def leave(self) -> asyncio.Task[str | None] | None:
        """End it from outside. Returns what is still to be waited for."""
        task = self._task
        if task is not None:
            task.cancel()
            return task
        self._finish(None)
        return None

    def deliver(self) -> None:
        """Something has come while it rested, or was about to."""
        self._is_called = False
        source = self._source
        if self._task is not None or not isinstance(source, Stream):
            return
        while (payload := source.take()) is not None:
            if not self._socket.push(self._framed(payload)):
                self._work(payload)
                return
        if source.is_due or not source.rest(self._call):
            self._work(None)

    def _call(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._socket.herald.call(self)

    def _framed(self, payload: bytes) -> bytes:
        if not payload.isascii():  # a marketplace's own bytes may be anything
            payload = payload.decode(errors="replace").encode()
        return b"%b%b}" % (self._before, payload)

    def _work(self, payload: bytes | None) -> None:
        """Go on in a task, which says this first."""
        if isinstance(self._source, Stream):
            self._source.rest(None)
        self._task = asyncio.ensure_future(self._run(payload))
        self._task.add_done_callback(self._done)

    async def _run(self, payload: bytes | None) -> str | None:
        """How it ended; None where it rests, or its client is gone."""
        socket, source, is_resting = self._socket, self._source, False
        how = "completed"
        try:
            while not is_resting:
                said = self._framed(await anext(source) if payload is None else payload).decode()
                await socket.say(said)
                del said
                payload = None
                is_resting = self._rests()
        except StopAsyncIteration:
            last = socket.dialect.complete(self.id)
        except RequestError as error:
            how = "failed"
            last = socket.dialect.error(self.id, error.errors)
        except OSError:
            socket.end(Ending.GONE)
            return None
        else:
            return None
        finally:
            if not is_resting:
                await end_source(source, socket.close_wait)
        # the id is free once the client hears that the operation is over
        socket.is_over(self)
        with contextlib.suppress(OSError):
            await socket.say(last)
        return how

    def _rests(self) -> bool:
        if not isinstance(self._source, Stream) or not self._socket.can_push or not self._source.rest(self._call):
            return False
        self._task = None
        return True

    def _done(self, task: asyncio.Task[str | None]) -> None:
        if self._task is task:  # else it rests, or has gone on in another
            self._finish(task)

    def _finish(self, task: asyncio.Task[str | None] | None) -> None:
        self._leave_source()  # the task was perhaps cancelled before it began
        how = None
        if task is not None and not task.cancelled():
            error = task.exception()
            how = task.result() if error is None else "broken"
            if error is not None:
                _log.error("stream.broke", exc_info=error)
        self._socket.has_ended(self, how)

    def _leave_source(self) -> None:
        if isinstance(self._source, Stream):
            try:
                self._source.leave()
            except Exception:  # noqa: BLE001  # whatever it is, the transport goes on
                _log.exception("stream.close_failed")
