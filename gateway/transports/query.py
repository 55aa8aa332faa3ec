"""One request over HTTP while it arrives and while it is answered."""

from __future__ import annotations

import asyncio

from adapters.clock import Clock
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Ending, Live
from gateway.transports.responses import Receive, Scope, Send


class HttpQuery(Live):
    """One request on its way in, and then a query that runs. Neither a drain nor a lapsed token interrupts it."""

    __slots__ = ("_watching", "is_read", "receive")

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        super().__init__(scope, send, clock)
        self.receive = receive
        self.is_read = False
        self._watching: asyncio.Task[None] | None = None

    def end(self, ending: Ending) -> None:
        """As for everything live, but what is nearly done is let finish."""
        if ending not in {Ending.DRAIN, Ending.EXPIRED}:
            super().end(ending)

    def check(self, now: float, limits: TransportLimits) -> None:
        """A request that takes long to arrive is given up; one that takes long to answer is watched for its client."""
        super().check(now, limits)
        if self.is_read and self._watching is None:
            self._watching = asyncio.ensure_future(self.watch(self.receive))
        elif not self.is_read and now - self.started_at > limits.body_wait:
            self.end(Ending.LATE)

    def over(self) -> None:
        """Nothing is to be interrupted or watched any more."""
        super().over()
        if self._watching is not None:
            self._watching.cancel()
