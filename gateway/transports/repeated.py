"""Requests that came in one piece: what a server shows of them, so that the same bytes need no second reading.

Two shortcuts past the server's parser are there: a request whose very bytes are known is answered at once; one of
which the head alone is known, with a body that asks something new, is run by an application that knows the client.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from gateway.engine.operation import Prepared
from gateway.transports.clients import Client
from gateway.transports.negotiation import Media
from gateway.transports.responses import Receive, Scope, Send

SENT: Final = "batch_gateway.sent"
"""The ASGI extension that holds a `Sent`, for a request that may be answered again by its bytes."""

LARGEST: Final = 16_384
"""Bytes of a request that is worth remembering."""


class AtOnce(Protocol):
    """Answers a request of an address by its head (without the empty line) and body."""

    def __call__(self, peer: str, head: bytes, body: bytes, /) -> tuple[bytes, bytes] | None:
        """Headers, in the form in which they are sent, without the server's own, and a body; the status is 200.

        None where it has to go another way; nothing has been done with it then.
        """
        ...


class Follow(Protocol):
    """Knows by address and head who it is that asks, and how."""

    def __call__(self, peer: str, head: bytes, body: bytes, /) -> Familiar | None:
        """How the request is to be answered, which has begun with this; None where it has to go the usual way."""
        ...


class Sent(NamedTuple):
    """A request as it came."""

    peer: str
    """The address that it came from."""
    head: bytes
    """Without the empty line that ends it."""
    body: bytes


Write = Callable[[bytes, bytes], bool]
"""Sends a whole answer with status 200, headers as in `AtOnce` and a body, in one piece; false where that cannot be,
and nothing was done."""


class Informed(Protocol):
    """An ASGI application that is also told what came, and how to answer it in one piece."""

    def __call__(
        self, scope: Scope, receive: Receive, send: Send, /, *, sent: Sent, write: Write
    ) -> Coroutine[Any, Any, None]:
        """Answer."""
        ...


class Familiar(msgspec.Struct, frozen=True):
    """What a head says that came before."""

    scope: Scope
    """The ASGI scope of a request with this head; not to be changed."""
    application: Informed


class Remember(Protocol):
    """Is told of queries that were answered, with status 200 and nothing special about it."""

    @property
    def generation(self) -> object:
        """Another value where it is not to be told of what began before: others may be let in, with other documents."""
        ...

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
