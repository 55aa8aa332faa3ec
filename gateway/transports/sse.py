"""GraphQL over server-sent events, distinct connections mode.

A browser's EventSource connects again whenever its connection ends. The last event of an operation therefore carries
an id, which the browser sends along when it comes back: it is told 204 then, and stays away. A stream that ends
without `complete` (the gateway goes down) is what makes EventSource and graphql-sse come back and subscribe again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.transports.responses import Header
from gateway.transports.streams import STREAM_HEADERS

COMPLETE_ID: Final = b"complete"

_encode: Final = msgspec.json.Encoder().encode
_COMPLETE: Final = b"event: complete\nid: " + COMPLETE_ID + b"\ndata:\n\n"


def is_finished(headers: Mapping[bytes, bytes]) -> bool:
    """Whether an EventSource comes back after it has heard `complete`."""
    return headers.get(b"last-event-id") == COMPLETE_ID


class EventStream:
    """Writes server-sent events."""

    headers: Sequence[Header] = ((b"content-type", b"text/event-stream; charset=utf-8"), *STREAM_HEADERS)
    opening = b":\n\n"
    heartbeat = b":\n\n"
    finished = _COMPLETE

    def drained(self) -> bytes:
        """Not `complete`, but how long to wait (milliseconds), different for each so that they don't come at once."""
        return b"retry: %d\n\n" % random.randint(500, 3_000)  # noqa: S311  # no secret

    def part(self, payload: bytes) -> bytes:
        """One `next` event. Untouched JSON of a marketplace may have lines, which SSE sends one by one."""
        if b"\n" in payload or b"\r" in payload:
            payload = b"\ndata: ".join(payload.splitlines())
        return b"event: next\ndata: " + payload + b"\n\n"

    def failed(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """The errors as a result, and the end: the protocol has no event of its own for them."""
        return self.part(_encode({"errors": errors})) + _COMPLETE
