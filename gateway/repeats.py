"""The shortest way to an answer: a request whose very bytes came before, and whose answer is at hand.

Its head is known (`gateway/familiar.py`), and what the bytes of a body ask stays the same as well: it is read once, by
the usual way, and remembered when that has answered with a shared answer; the same again is looked up. Every batch in
the answer is looked at each time. Where any of it is not just as it should be, the request goes a longer way.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Final

from gateway.access.rates import Rates
from gateway.access.shared_rates import SharedRates
from gateway.compiled.answers import Asked, SharedAnswers
from gateway.engine.operation import Prepared
from gateway.familiar import Heads
from gateway.observe.access import Access
from gateway.transports.clients import Client
from gateway.transports.endpoint import GraphQLEndpoint
from gateway.transports.negotiation import Media
from gateway.transports.repeated import Sent
from gateway.transports.responses import Scope

_BODIES: Final = 2_000
_CHARACTERS: Final = 512 * 1024
"""Of all bodies together: what is prepared of a document takes some 80 bytes for each character."""


class Repeats:
    """Answers at once what it can."""

    def __init__(
        self,
        endpoint: GraphQLEndpoint,
        heads: Heads,
        rates: Rates | SharedRates | None,
        access: Access,
        answers: SharedAnswers,
    ) -> None:
        self._endpoint = endpoint
        self._rates = rates
        self._heads = heads
        self._access = access
        self._answers = answers
        self._bodies: dict[bytes, Asked] = {}
        self._characters = 0

    def answer(self, peer: str, head: bytes, body: bytes) -> tuple[bytes, bytes] | None:
        """Headers and body of the answer; None for a request that has to go another way. For `AtOnce`."""
        asked = self._bodies.get(body)
        if asked is None:
            return None
        came = perf_counter()
        known = self._heads.find(peer, head, len(body))
        if known is None:
            return None
        rates = self._rates
        grant = None if rates is None else rates.granted(known.client.name)
        if rates is not None and grant is None:
            return None
        encoded = self._answers.at_hand(asked, known.context)
        if encoded is None:
            return None
        if grant is not None:
            grant.left -= 1
        self._endpoint.ran_at_once()
        visitor = known.scope.get("client")
        request_id = self._access.note(known.scope["path"], None if visitor is None else visitor[0], came)
        return known.headers(len(encoded), request_id), encoded

    @property
    def generation(self) -> object:
        """See `Remember`."""
        return self._heads.generation

    def __call__(
        self, sent: Sent, scope: Scope, client: Client, media: Media, prepared: Prepared, context: Any
    ) -> None:
        """Remember a request that was answered. For `Remember`."""
        if self._heads.are_outdated():
            self._bodies.clear()
            self._characters = 0
        if not self._heads.remember(sent, scope, client, media, context) or sent.body in self._bodies:
            return
        asked = prepared.identity()
        if prepared.extensions is not None or not self._answers.holds(asked, context):
            return
        self._characters += len(sent.body)
        while self._bodies and (len(self._bodies) >= _BODIES or self._characters > _CHARACTERS):
            oldest = next(iter(self._bodies))
            self._characters -= len(oldest)
            del self._bodies[oldest]
        self._bodies[sent.body] = asked
