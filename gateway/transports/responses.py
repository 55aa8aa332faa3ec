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
_encode = msgspec.json.Encoder().encode


class Refusal(Exception):
    """The request is answered with a status and one error, before GraphQL has a say."""

    def __init__(self, status: int, code: str, message: str, headers: Sequence[Header] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = tuple(headers)
        self.errors = (error_of(code, message),)

    def answer(self, media: Media) -> tuple[Message, Message]:
        """What is sent."""
        return answer_errors(self.status, media, self.errors, self.headers)


def answer(status: int, media: Media, body: bytes, headers: Sequence[Header] = ()) -> tuple[Message, Message]:
    """A whole answer, as the two messages that it is sent in."""
    length = (b"content-length", b"%d" % len(body))
    return (
        {"type": "http.response.start", "status": status, "headers": [media.header, length, NOSNIFF, *headers]},
        {"type": "http.response.body", "body": body},
    )


def answer_errors(
    status: int, media: Media, errors: Sequence[dict[str, Any]], headers: Sequence[Header] = ()
) -> tuple[Message, Message]:
    """Errors without data: nothing was executed."""
    return answer(status, media, _encode({"errors": errors}), headers)


def answer_empty(status: int, headers: Sequence[Header] = ()) -> tuple[Message, Message]:
    """A status without a body."""
    start = {"type": "http.response.start", "status": status, "headers": [*headers]}
    return start, {"type": "http.response.body", "body": b""}


def header_map(pairs: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by their lower-case names. `Accept` may be spread over several lines."""
    headers = dict(pairs)
    if len(headers) != len(pairs) and b"accept" in headers:
        headers[b"accept"] = b",".join(value for name, value in pairs if name == b"accept")
    return headers
