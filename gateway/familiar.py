"""Requests whose head came before: who asks, from which page and in which form is known, and what is asked may be new.

What the bytes of a head say stays the same for as long as the configuration does. So they are read once, by the usual
way, and looked up when they come again. Whatever can change from one request to the next is looked at each time:
whether the gateway ends, the client's term, and the limits. Where any of it is not just as it should be, the request
goes the usual way, which says why.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final, NamedTuple

from adapters.clock import Clock
from gateway.access.assembly import Entrance
from gateway.access.rates import Rates
from gateway.access.shared_rates import SharedRates
from gateway.observe.access import Access, Visit
from gateway.observe.request_id import HEADER
from gateway.transports.clients import Client
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.http import Read
from gateway.transports.negotiation import Media, acceptable
from gateway.transports.query import HttpQuery
from gateway.transports.repeated import Familiar, Sent, Write
from gateway.transports.responses import Receive, Scope, Send, answer, header_map

_HEADS: Final = 2_000
_LARGEST_HEAD: Final = 4_096
_TERM: Final = 60.0
"""Seconds after which the token of an issuer is looked at again, whose keys are read anew by that."""
_OF_ONE: Final = frozenset((HEADER, b"traceparent", b"tracestate", b"expect", b"upgrade", b"transfer-encoding"))
"""Headers that make a request one of its kind, or say something about its way here."""
_COUNTED: Final = frozenset((HEADER, b"content-length"))
_MARK: Final = b"\0"
"""Stands in no header."""


class Head(NamedTuple):
    """What a head says, and what is answered to it."""

    length: int
    """Of the body."""
    client: Client
    context: Any
    until: float
    """Unix time from which it is read again."""
    accepted: tuple[Media, ...]
    scope: Scope
    """As it was admitted; not to be changed."""
    media: Media
    """Of a query's answer."""
    before: bytes
    between: bytes
    after: bytes
    """That answer's headers: before its length, between that and the request's id, and after it."""

    def headers(self, length: int, request_id: str) -> bytes:
        """The headers of a query's answer of so many bytes, in the form in which they are sent."""
        return b"%b%d%b%b%b" % (self.before, length, self.between, request_id.encode(), self.after)


class Heads:
    """Knows heads by the address that they came from."""

    def __init__(
        self,
        endpoint: GraphQLEndpoint,
        entrance: Entrance,
        rates: Rates | SharedRates | None,
        access: Access,
        clock: Clock,
    ) -> None:
        self._endpoint = endpoint
        self._entrance = entrance
        self._rates = rates
        self._access = access
        self._clock = clock
        self._known: dict[tuple[str, bytes], Head] = {}
        self._generation = entrance.doorkeeper.generation

    def find(self, peer: str, head: bytes, length: int) -> Head | None:
        """What is known of a head whose client may ask now, but for the limit of operations."""
        known = self._known.get((peer, head))
        if known is None or length != known.length or not self._endpoint.is_open(known.client):
            return None
        if self.are_outdated():
            return None
        is_over = known.client.expires_at is not None and known.until <= self._now()
        return None if is_over else known

    def follow(self, peer: str, head: bytes, body: bytes) -> Familiar | None:
        """How a request with a known head is answered. For `Follow`."""
        known = self.find(peer, head, len(body))
        return None if known is None else Familiar(known.scope, partial(self._serve, known, self._generation))

    def remember(self, sent: Sent, scope: Scope, client: Client, media: Media, context: Any) -> bool:
        """Remember the head of a query that was answered. False where there is something special about it."""
        if self.are_outdated():
            self._generation = self._entrance.doorkeeper.generation
            self._known.clear()
        key = sent.peer, sent.head
        found = self._known.get(key)
        if found is not None and (client.expires_at is None or found.until > self._now()):
            return True
        if not _is_plain(sent, scope):
            return False
        while len(self._known) >= _HEADS:
            del self._known[next(iter(self._known))]
        self._known[key] = self._read(sent, scope, client, media, context)
        return True

    @property
    def generation(self) -> tuple[int, int]:
        """See `Remember`."""
        return self._entrance.doorkeeper.generation

    def are_outdated(self) -> bool:
        """True where others may be let in than when the heads were read, with other documents."""
        return self._entrance.doorkeeper.generation != self._generation

    async def _serve(
        self, known: Head, since: object, scope: Scope, receive: Receive, send: Send, *, sent: Sent, write: Write
    ) -> None:
        visit = self._access.begin(self._entrance.guard.around(scope, send))
        query = _Query(scope, receive, visit, self._clock, known, sent, write)
        try:
            read = Read(sent.body, known.context, since, self._count(known.client))
            await self._endpoint.handle_read(query, scope, visit.send, known.client, known.accepted, read)
        finally:
            self._access.end(visit, scope)

    def _count(self, client: Client) -> bool:
        """Count an operation, where the client may start one without asking."""
        grant = None if self._rates is None else self._rates.granted(client.name)
        if grant is not None:
            grant.left -= 1
        return grant is not None

    def _read(self, sent: Sent, scope: Scope, client: Client, media: Media, context: Any) -> Head:
        """What is answered is put together as the usual way does it, and cut where answers differ."""
        start, _ = answer(200, media, b"")
        headers = self._entrance.guard.headers(scope, [*start["headers"], (HEADER, b"")])
        lines = (b"%b: %b\r\n" % (name, _MARK if name in _COUNTED else value) for name, value in headers)
        before, between, after = b"".join(lines).split(_MARK)
        until = math.inf if client.expires_at is None else min(client.expires_at, self._now() + _TERM)
        accepted = acceptable(header_map(scope["headers"]).get(b"accept"))
        # a connection's own, which may be over long before this
        kept: Scope = {**scope, "extensions": {}}
        return Head(len(sent.body), client, context, until, accepted, kept, media, before, between, after)

    def _now(self) -> float:
        return self._clock.now().timestamp()


class _Query(HttpQuery):
    """A query under a known head, answered in one piece where its answer is of the kind that is known."""

    __slots__ = ("_known", "_sent", "_visit", "_write")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        visit: Visit,
        clock: Clock,
        known: Head,
        sent: Sent,
        write: Write,
    ) -> None:
        super().__init__(scope, receive, visit.send, clock)
        self._known = known
        self._sent = sent
        self._visit = visit
        self._write = write

    @property
    def sent(self) -> Sent:
        """The request as it came."""
        return self._sent

    def answer_whole(self, media: Media, body: bytes) -> bool:
        """Answer in one piece, with the headers that are ready."""
        known, visit = self._known, self._visit
        if media is not known.media or not self._write(known.headers(len(body), visit.id), body):
            return False
        visit.answered(200)
        return True


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
