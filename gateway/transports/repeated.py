"""Requests that came in one piece: what a server shows of them, so that the same bytes need no second reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from gateway.engine.operation import Prepared
from gateway.transports.clients import Client
from gateway.transports.negotiation import Media
from gateway.transports.responses import Scope

SENT: Final = "batch_gateway.sent"
"""The ASGI extension that holds a `Sent`, for a request that may be answered again by its bytes."""

LARGEST: Final = 16_384
"""Bytes of a request that is worth remembering."""

AtOnce = Callable[[str, bytes, bytes], "tuple[bytes, bytes] | None"]
"""Answers a request of an address by its head (without the empty line) and body: headers in the form in which they are
sent, without the server's own, and a body, with status 200. None where it has to go the usual way; nothing has been
done with it then."""


class Sent(NamedTuple):
    """A request as it came."""

    peer: str
    """The address that it came from."""
    head: bytes
    """Without the empty line that ends it."""
    body: bytes


class Remember(Protocol):
    """Is told of queries that were answered, with status 200 and nothing special about it."""

    def __call__(
        self, sent: Sent, scope: Scope, client: Client, media: Media, prepared: Prepared, context: Any
    ) -> None:
        """Take note of it."""
        ...


def split(data: bytes) -> tuple[bytes, bytes] | None:
    """Head and body of what seems to be a whole request; None for what is none, or not worth remembering."""
    if len(data) > LARGEST:
        return None
    head, end, body = data.partition(b"\r\n\r\n")
    return (head, body) if end and body else None
