"""Multipart subscriptions, as Apollo's clients read them.

A part is shown by some readers only when the line of the next delimiter has come, so that each part is sent together
with it. The closing delimiter then needs a part before it: `{}`, which the protocol has as its sign of life.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.transports.responses import Header
from gateway.transports.streams import DRAIN_ERROR, STREAM_HEADERS

_encode: Final = msgspec.json.Encoder().encode
_HEAD: Final = b"Content-Type: application/json\r\n\r\n"
_DELIMITER: Final = b"\r\n--graphql\r\n"
_CLOSE: Final = b"\r\n--graphql--\r\n"


class Multipart:
    """Writes the parts of `multipart/mixed`."""

    headers: Sequence[Header] = (
        (b"content-type", b'multipart/mixed;boundary="graphql";subscriptionSpec=1.0'),
        *STREAM_HEADERS,
    )
    opening = b"--graphql\r\n"
    heartbeat = _HEAD + b"{}" + _DELIMITER
    finished = _HEAD + b"{}" + _CLOSE

    def drained(self) -> bytes:
        """A stream that just ended well would be over for Apollo; an error of the transport is what it retries on."""
        return self.failed([DRAIN_ERROR])

    def part(self, payload: bytes) -> bytes:
        """One result, wrapped."""
        return _HEAD + b'{"payload":' + payload + b"}" + _DELIMITER

    def failed(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """An error of the stream itself, after which nothing comes."""
        return _HEAD + _encode({"payload": None, "errors": errors}) + _CLOSE
