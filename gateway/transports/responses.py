"""Plain HTTP answers, from headers that are built once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import msgspec

from gateway.engine.request import error_of
from gateway.transports.negotiation import Media

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

NOSNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
CONTENT_TYPES: Final[dict[Media, Header]] = {
    media: (b"content-type", f"{media.value}; charset=utf-8".encode()) for media in (Media.JSON, Media.RESPONSE)
}
_encode = msgspec.json.Encoder().encode


class Refusal(Exception):  # an answer, not a fault
    """The request is answered with a status and one error, before GraphQL has a say."""

    def __init__(self, status: int, code: str, message: str, headers: Sequence[Header] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple(headers)
        self.errors = (error_of(code, message),)


async def respond(send: Send, status: int, media: Media, body: bytes, headers: Sequence[Header] = ()) -> None:
    """Send a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [CONTENT_TYPES[media], (b"content-length", b"%d" % len(body)), NOSNIFF, *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_errors(
    send: Send, status: int, media: Media, errors: Sequence[dict[str, Any]], headers: Sequence[Header] = ()
) -> None:
    """Send errors without data: nothing was executed."""
    await respond(send, status, media, _encode({"errors": errors}), headers)


async def respond_empty(send: Send, status: int, headers: Sequence[Header] = ()) -> None:
    """Send a status alone."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": b""})


def header_map(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by their lower-case names. `Accept` may be spread over several lines."""
    headers = dict(pairs)
    if len(headers) != len(pairs) and b"accept" in headers:
        headers[b"accept"] = b",".join(value for name, value in pairs if name == b"accept")
    return headers
