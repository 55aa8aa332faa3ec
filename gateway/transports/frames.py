"""The messages of graphql-transport-ws, and of the older graphql-ws, which says the same in other words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from gateway.engine.request import OperationRequest

_encode: Final = msgspec.json.Encoder().encode

Id = Annotated[str, msgspec.Meta(min_length=1)]


class _Message(msgspec.Struct, frozen=True, tag_field="type"):
    """What a client says. Which one it is stands in `type`; members that no message has are ignored."""


class ConnectionInit(_Message, frozen=True, tag="connection_init"):
    """Asks to be let in."""

    payload: dict[str, Any] | None = None


class Ping(_Message, frozen=True, tag="ping"):
    """Asks for a pong."""

    payload: dict[str, Any] | None = None


class Pong(_Message, frozen=True, tag="pong"):
    """A sign of life."""

    payload: dict[str, Any] | None = None


class Subscribe(_Message, frozen=True, tag="subscribe"):
    """Starts an operation of any kind."""

    id: Id
    payload: OperationRequest


class Complete(_Message, frozen=True, tag="complete"):
    """Ends an operation."""

    id: Id


class Start(Subscribe, frozen=True, tag="start"):
    """graphql-ws: starts an operation."""


class Stop(Complete, frozen=True, tag="stop"):
    """graphql-ws: ends an operation."""


class ConnectionTerminate(_Message, frozen=True, tag="connection_terminate"):
    """graphql-ws: says goodbye."""


ClientMessage = ConnectionInit | Ping | Pong | Subscribe | Complete | ConnectionTerminate

ACK: Final = '{"type":"connection_ack"}'
KEEP_ALIVE: Final = '{"type":"ka"}'


@dataclass(frozen=True, slots=True)
class Dialect:
    """One subprotocol: how its messages are read, and what its answers are called."""

    name: str
    read: Callable[[str], ClientMessage]
    """Raises `ValueError` or `RecursionError` for anything that is no message of the protocol."""
    next: str
    is_legacy: bool = False

    def before(self, operation_id: str) -> bytes:
        """What stands before the results of an operation, which are sent as they are; after them comes a brace."""
        return f'{{"id":{_text(operation_id)},"type":"{self.next}","payload":'.encode()

    def complete(self, operation_id: str) -> str:
        """The end of an operation."""
        return f'{{"id":{_text(operation_id)},"type":"complete"}}'

    def error(self, operation_id: str, errors: Sequence[dict[str, Any]]) -> str:
        """The end of an operation that cannot run, or broke."""
        payload = errors[0] if self.is_legacy else list(errors)
        return f'{{"id":{_text(operation_id)},"type":"error","payload":{_text(payload)}}}'


def pong(payload: dict[str, Any] | None) -> str:
    """The answer to a ping, with what the ping brought."""
    return '{"type":"pong"}' if payload is None else f'{{"type":"pong","payload":{_text(payload)}}}'


def connection_error(message: str) -> str:
    """graphql-ws: the client is not let in."""
    return f'{{"type":"connection_error","payload":{_text({"message": message})}}}'


def _text(value: object) -> str:
    return _encode(value).decode()


TRANSPORT_WS: Final = Dialect(
    "graphql-transport-ws",
    msgspec.json.Decoder(ConnectionInit | Ping | Pong | Subscribe | Complete).decode,
    next="next",
)
LEGACY_WS: Final = Dialect(
    "graphql-ws",
    msgspec.json.Decoder(ConnectionInit | Start | Stop | ConnectionTerminate).decode,
    next="data",
    is_legacy=True,
)
