"""The shortest way to an answer: a request whose very bytes came before, and whose answer is at hand.

What the bytes of a head say (who asks, from which page, in which form) and what the bytes of a body ask stays the
same for as long as the configuration does. So they are read once, by the usual way, and remembered when that has
answered with a shared answer; the same again is looked up. Whatever can change from one request to the next is looked
at each time: whether the gateway ends, the client's term, the limits, and every batch in the answer. Where any of it
is not just as it should be, the request goes the usual way, which says why.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any, Final, NamedTuple

from adapters.clock import Clock
from gateway.access.assembly import Entrance
from gateway.compiled.answers import Asked, SharedAnswers
from gateway.engine.operation import Prepared
from gateway.observe.access import Access
from gateway.observe.request_id import HEADER
from gateway.transports.clients import Client
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.negotiation import Media
from gateway.transports.repeated import Sent
from gateway.transports.responses import Scope, answer, header_map

_HEADS: Final = 2_000
_BODIES: Final = 2_000
_LARGEST_HEAD: Final = 4_096
_TERM: Final = 60.0
"""Seconds after which the token of an issuer is looked at again, whose keys are read anew by that."""
_CHARACTERS: Final = 512 * 1024
"""Of all bodies together: what is prepared of a document takes some 80 bytes for each character."""
_OF_ONE: Final = frozenset((HEADER, b"traceparent", b"tracestate", b"expect", b"upgrade", b"transfer-encoding"))
"""Headers that make a request one of its kind, or say something about its way here."""
_COUNTED: Final = frozenset((HEADER, b"content-length"))
_MARK: Final = b"\0"
"""Stands in no header."""


class _Head(NamedTuple):
    """What a head says, and what is answered to it."""

    length: int
    """Of the body."""
    client: Client
    context: Any
    until: float
    """Unix time from which it is read again."""
    visitor: str | None
    """The address to be told in the log."""
    path: str
    before: bytes
    between: bytes
    after: bytes
    """The answer's headers: before its length, between that and the request's id, and after it."""


class Repeats:
    """Answers at once what it can."""

    def __init__(
        self, endpoint: GraphQLEndpoint, entrance: Entrance, access: Access, answers: SharedAnswers, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._entrance = entrance
        self._access = access
        self._answers = answers
        self._clock = clock
        self._heads: dict[tuple[str, bytes], _Head] = {}
        self._bodies: dict[bytes, Asked] = {}
        self._characters = 0
        self._generation = entrance.doorkeeper.generation

    def answer(self, peer: str, head: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        """Headers and body of the answer; None for a request that has to go the usual way. For `AtOnce`."""
        known = self._heads.get((peer, head))
        asked = self._bodies.get(body)
        if known is None or asked is None or len(body) != known.length or not self._endpoint.is_open(known.client):
            return None
        came = perf_counter()
        if self._entrance.doorkeeper.generation != self._generation:
            self._forget()
            return None
        client = known.client
        if client.expires_at is not None and known.until <= self._now():
            return None
        rates = self._entrance.rates
        grant = None if rates is None else rates.granted(client.name)
        if rates is not None and grant is None:
            return None
        encoded = self._answers.at_hand(asked, known.context)
        if encoded is None:
            return None
        if grant is not None:
            grant.left -= 1
        self._endpoint.ran_at_once()
        request_id = self._access.note(known.path, known.visitor, came)
        parts = known.before, len(encoded), known.between, request_id.encode(), known.after
        return b"%b%d%b%b%b" % parts, encoded

    def remember(
        self, sent: Sent, scope: Scope, client: Client, media: Media, prepared: Prepared, context: Any
    ) -> None:
        """Remember a request that was answered the usual way. For `Remember`."""
        if self._entrance.doorkeeper.generation != self._generation:
            self._forget()
        asked = prepared.identity()
        if prepared.extensions is not None or not self._answers.holds(asked, context) or not _is_plain(sent, scope):
            return
        found = self._heads.get((sent.peer, sent.head))
        if found is None or found.until <= self._now():
            while len(self._heads) >= _HEADS:
                del self._heads[next(iter(self._heads))]
            self._heads[sent.peer, sent.head] = self._read(sent, scope, client, media, context)
        if sent.body not in self._bodies:
            self._characters += len(sent.body)
            while self._bodies and (len(self._bodies) >= _BODIES or self._characters > _CHARACTERS):
                oldest = next(iter(self._bodies))
                self._characters -= len(oldest)
                del self._bodies[oldest]
            self._bodies[sent.body] = asked

    def _forget(self) -> None:
        """Others may be let in, with other documents."""
        self._generation = self._entrance.doorkeeper.generation
        self._heads.clear()
        self._bodies.clear()
        self._characters = 0

    def _read(self, sent: Sent, scope: Scope, client: Client, media: Media, context: Any) -> _Head:
        """What is answered is put together as the usual way does it, and cut where answers differ."""
        start, _ = answer(200, media, b"")
        headers = self._entrance.guard.headers(scope, [*start["headers"], (HEADER, b"")])
        lines = (b"%b: %b\r\n" % (name, _MARK if name in _COUNTED else value) for name, value in headers)
        before, between, after = b"".join(lines).split(_MARK)
        peer = scope.get("client")
        visitor = None if peer is None else peer[0]
        until = math.inf if client.expires_at is None else min(client.expires_at, self._now() + _TERM)
        return _Head(len(sent.body), client, context, until, visitor, scope["path"], before, between, after)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _is_plain(sent: Sent, scope: Scope) -> bool:
    """Whether the request came as it seems to have, and may come like this again."""
    headers = scope["headers"]
    given = header_map(headers)
    return (
        len(sent.head) <= _LARGEST_HEAD
        and scope["http_version"] == "1.1"
        and scope["method"] == "POST"
        and not scope["query_string"]
        and sent.head.count(b"\n") == sent.head.count(b"\r\n") == len(headers)
        and given.get(b"content-length") == b"%d" % len(sent.body)
        and given.get(b"connection", b"keep-alive").lower() == b"keep-alive"
        and _OF_ONE.isdisjoint(given)
    )
