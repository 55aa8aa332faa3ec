"""Work beside the beat, which must not be held up by it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.core.cluster.server import ServerAway
from gateway.core.tasks import Tasks

log: Final = logging.getLogger(__name__)


class Errand:
    """Something that is done where it is due, not twice at a time, and again where losing the server interrupted it."""

    def __init__(self, name: str, work: Callable[[], Awaitable[object]], tasks: Tasks) -> None:
        self._name = name
        self._work = work
        self._tasks = tasks
        self._is_under_way = False
        self.is_due = False

    def go(self) -> None:
        """Do it, where it is due."""
        if self.is_due and not self._is_under_way:
            self._is_under_way = True
            self._tasks.start(self._do())

    async def _do(self) -> None:
        self.is_due = False
        try:
            await self._work()
        except ServerAway:
            self.is_due = True
            log.debug("cluster.interrupted", extra={"fields": {"work": self._name}})
        finally:
            self._is_under_way = False
