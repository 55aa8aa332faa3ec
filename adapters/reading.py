"""Driving an adapter's generator: answers in, the next request or the snapshot out, big answers beside the event loop.

An adapter raises `UpstreamError`s. Should another exception escape it, it becomes one here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from adapters.base import Account, Adapter, Answer, Asking, Request
from adapters.clock import Clock
from adapters.deadline import within
from adapters.errors import BatchError, InvalidAnswer, UpstreamTimeout
from adapters.fault import fault
from adapters.model import BatchRef, Snapshot


class Aside:
    """A thread for what would hold up the event loop; it exists from its first use on."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    def start(self, asking: Asking, answer: Answer) -> asyncio.Future[Request | Snapshot]:
        """Read the answer there."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, "reading")  # more would only fight for the interpreter
        return asyncio.get_running_loop().run_in_executor(self._threads, _step, asking, answer)

    async def aclose(self) -> None:
        """End the thread, after what it is reading."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.shutdown)


class Reading:
    """One run of an adapter's `ask`; `who` is the account, in words for errors."""

    __slots__ = ("_asking", "_running", "_who")

    def __init__(self, asking: Asking, who: object) -> None:
        self._asking = asking
        self._who = who
        self._running: asyncio.Future[Request | Snapshot] | None = None

    def begin(self) -> Request:
        """The first request."""
        return _begin(self._asking, self._who)

    def send(self, answer: Answer) -> Request | Snapshot:
        """What follows from the answer. Raises `BatchError`."""
        failure: BatchError
        try:
            return self._asking.send(answer)
        except StopIteration as end:
            return end.value
        except Exception as error:  # noqa: BLE001 - whatever an adapter raised
            failure = _meaning(error, self._who)
        raise failure

    async def send_aside(self, answer: Answer, aside: Aside, seconds: float, clock: Clock) -> Request | Snapshot:
        """The same for a large answer, in another thread, within that many seconds."""
        self._running = aside.start(self._asking, answer)
        failure: BatchError
        try:
            with within(clock, seconds):
                step = await asyncio.shield(self._running)
            self._running = None
        except TimeoutError:
            failure = UpstreamTimeout(f"{self._who}: the answer was too large to be read in time. Ask again.")
        except Exception as error:  # noqa: BLE001 - whatever an adapter raised
            self._running = None
            failure = _meaning(error, self._who)
        else:
            return step
        raise failure

    def close(self) -> None:
        """End the run. A thread that still reads is left to finish, and closes behind itself."""
        if self._running is None:
            self._asking.close()
            return
        asking = self._asking
        self._running.add_done_callback(lambda done: (done.cancelled() or done.exception(), asking.close()))


def first_request(asking: Asking, who: object) -> Request:
    """What a run of an adapter asks first; the run ends there. Raises `BatchError`."""
    try:
        return _begin(asking, who)
    finally:
        asking.close()


def replay(adapter: Adapter, account: Account, ref: BatchRef, answers: Iterable[Answer]) -> Snapshot:
    """Read answers that were kept once more, without asking anybody. Raises `BatchError`."""
    who = f"{adapter.title} (account {account.name})"
    reading = Reading(adapter.ask(account, ref.source, ref.id), who)
    try:
        reading.begin()
        for answer in answers:
            refusal = adapter.refusal(answer)
            if refusal is not None:
                raise refusal
            step = reading.send(answer)
            if isinstance(step, Snapshot):
                return step
    finally:
        reading.close()
    raise InvalidAnswer(f"{who}: the answers that were kept are not all there.")


def _begin(asking: Asking, who: object) -> Request:
    failure: BatchError
    try:
        return next(asking)
    except BatchError:
        raise
    except Exception as error:  # noqa: BLE001
        failure = _meaning(error, who)
    raise failure


def _step(asking: Asking, answer: Answer) -> Request | Snapshot:
    try:
        return asking.send(answer)
    except StopIteration as end:
        return end.value


def _meaning(error: Exception, who: object) -> BatchError:
    if isinstance(error, BatchError):
        return error
    if isinstance(error, (msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        return InvalidAnswer(f"{who}: the answer is not the JSON that was asked for. Ask again in a moment.")
    return fault(error, str(who))
