"""Multipart subscriptions, as Apollo's clients read them.

A part is shown by some readers only when the line of the next delimiter has come, so that each part is sent together
with it. The closing delimiter then needs a part before it: `{}`, which the protocol has as its sign of life.

Parts are ASCII: Apollo Client 3 decodes each piece that arrives by itself, and a letter of several bytes that is cut
between two pieces would be spoilt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.transports.responses import Header
from gateway.transports.streams import DRAIN_ERROR, STREAM_HEADERS

_encode: Final = msgspec.json.Encoder().encode
_HEAD: Final = b"Content-Type: application/json\r\n\r\n"
_DELIMITER: Final = b"\r\n--graphql\r\n"
_CLOSE: Final = b"\r\n--graphql--\r\n"
_BEYOND_ASCII: Final = re.compile("[^\x00-\x7f]+")


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
        return _HEAD + b'{"payload":' + _plain(payload) + b"}" + _DELIMITER

    def failed(self, errors: Sequence[dict[str, Any]]) -> bytes:
        """An error of the stream itself, after which nothing comes."""
        return _HEAD + _plain(_encode({"payload": None, "errors": errors})) + _CLOSE


def _plain(json: bytes) -> bytes:
    return json if json.isascii() else _escaped(json)


@lru_cache(maxsize=8)  # many streams are sent the same update, one after the other
def _escaped(json: bytes) -> bytes:
    """The same JSON in ASCII: beyond it there is nothing outside strings."""
    return _BEYOND_ASCII.sub(_escape, json.decode()).encode("ascii")


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
