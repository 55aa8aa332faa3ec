"""One request over HTTP while it arrives and while it is answered."""

from __future__ import annotations

import asyncio
from typing import Final

from adapters.clock import Clock
from gateway.transports.limits import TransportLimits
from gateway.transports.live import Ending, Live
from gateway.transports.negotiation import Media
from gateway.transports.repeated import SENT, Sent
from gateway.transports.responses import Receive, Scope, Send

_GRACE: Final = 0.75
"""Seconds in which a query may come to its end when the gateway goes down; the process is gone soon after."""


class HttpQuery(Live):
    """One request on its way in, and then a query that runs. At a drain it is given a moment to finish."""

    __slots__ = ("_last_call", "_watching", "is_read", "receive")

    def __init__(self, scope: Scope, receive: Receive, send: Send, clock: Clock) -> None:
        super().__init__(scope, send, clock)
        self.receive = receive
        self.is_read = False
        self._last_call: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def sent(self) -> Sent | None:
        """The request as it came, where it may be answered by its bytes when it comes again."""
        return self._scope.get("extensions", {}).get(SENT)

    def answer_whole(self, media: Media, body: bytes) -> bool:  # noqa: ARG002  # the server has no way for it
        """Answer with status 200 and nothing special in one piece; false where that cannot be, and nothing was done."""
        return False

    def end(self, ending: Ending) -> None:
        """As for everything live, but at a drain what is nearly done is let finish."""
        if ending is Ending.DRAIN:
            if self._last_call is None:
                self._last_call = asyncio.get_running_loop().call_later(_GRACE, super().end, ending)
        else:
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
            self._watching = None  # its end would lead back here
        if self._last_call is not None:
            self._last_call.cancel()
