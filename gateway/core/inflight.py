"""Single-flight: the first to ask a question is its leader, everybody else joins and waits for the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from adapters.clock import Clock
from adapters.deadline import after

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Question = Callable[[], Coroutine[Any, Any, V]]


class Patience(NamedTuple):
    """How many seconds of a clock a caller waits."""

    clock: Clock
    seconds: float


class InFlight(Generic[K, V]):
    """At most one running question per key. The question outlives a caller that leaves; `aclose` ends all."""

    def __init__(self) -> None:
        self._asked: dict[K, asyncio.Future[V]] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def __contains__(self, key: K) -> bool:
        return key in self._asked

    def ask(self, key: K, question: Question[V], patience: Patience | None = None) -> Coroutine[Any, Any, V]:
        """The answer of the running question of that key, or of a new one. Its exception reaches every caller.

        Raises `TimeoutError` where the caller has no more patience; the question goes on.
        """
        return _unharmed(self.start(key, question), patience)

    async def lead(self, key: K, question: Question[V]) -> V:
        """The same for a caller that never leaves before its answer: a new question is asked in its own task."""
        running = self._asked.get(key)
        if running is not None:
            return await _unharmed(running, None)
        answer: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            found = await question()
        except BaseException as error:
            if not isinstance(error, Exception):
                answer.cancel()
            elif not answer.done():
                answer.set_exception(error)
            raise
        else:
            if not answer.done():
                answer.set_result(found)
            return found
        finally:
            self._forget(key, answer)

    def start(self, key: K, question: Question[V]) -> asyncio.Future[V]:
        """The running question of that key, or a new one, without waiting for it."""
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(question())
            self._asked[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: K, task: asyncio.Future[V]) -> None:
        if self._asked.get(key) is task:
            del self._asked[key]
        if not task.cancelled():
            task.exception()  # seen: a question whose callers all left must not complain

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it. What is led ends with its leader, and nobody joins it any more."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unharmed(answer: asyncio.Future[V], patience: Patience | None) -> V:
    """The answer, for a caller that may leave: as `asyncio.shield` and `asyncio.timeout`, at half their price."""
    if not answer.done():
        woken = answer.get_loop().create_future()

        def wake(_: object = None) -> None:
            if not woken.done():
                woken.set_result(None)

        answer.add_done_callback(wake)
        call_off = None if patience is None else after(patience.clock, patience.seconds, wake)
        try:
            await woken
        finally:
            if call_off is not None:
                call_off()
            if not answer.done():
                answer.remove_done_callback(wake)
        if not answer.done():
            raise TimeoutError
    return answer.result()
