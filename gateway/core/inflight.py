"""Single-flight: the first to ask a question is its leader, everybody else joins and waits for the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class InFlight(Generic[K, V]):
    """At most one running question per key. The question outlives a caller that leaves; `aclose` ends all."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: K) -> bool:
        return key in self._tasks

    async def ask(self, key: K, question: Callable[[], Awaitable[V]]) -> V:
        """The answer of the running question of that key, or of a new one. Its exception reaches every caller."""
        return await asyncio.shield(self.start(key, question))

    def start(self, key: K, question: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        """The running question of that key, or a new one, without waiting for it."""
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(self._run(question))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return task

    @staticmethod
    async def _run(question: Callable[[], Awaitable[V]]) -> V:
        return await question()

    def _forget(self, key: K, task: asyncio.Task[V]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # seen: a question whose callers all left must not complain

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
