"""uvicorn's cycle from a request to its answer, for a request that was read whole and whose head is known.

What is the same for all of them is said once, and what leads back to the cycle is told to the application and kept by
nothing: circles would wait for the garbage collector, which then has more to look through than all kept states are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle


class FollowingCycle(RequestResponseCycle):
    """Runs what a `Familiar` names as its application."""

    access_log = False
    chunked_encoding = None
    disconnected = False
    expected_content_length = 0
    keep_alive = True
    more_body = False
    response_complete = False
    response_started = False
    waiting_for_100_continue = False

    def __init__(self, protocol: HttpToolsProtocol, scope: Any) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.scope = scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.on_response = protocol.on_response_complete
        self.body = bytearray()

    @cached_property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Most answers are there before anybody waits for this."""
        return asyncio.Event()

    def write_whole(self, write: Callable[[bytes, bytes], None], headers: bytes, body: bytes) -> bool:
        """See `Write`."""
        if self.disconnected or not self.keep_alive or self.flow.write_paused:
            return False
        self.response_started = self.response_complete = True
        write(headers, body)
        if "message_event" in self.__dict__:
            self.message_event.set()
        self.on_response()
        return True
