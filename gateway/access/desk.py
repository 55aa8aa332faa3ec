"""`POST /graphql/ticket`: gives a client that shows its token a ticket for an EventSource."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.access.authentication import Doorkeeper
from gateway.access.members import Member
from gateway.access.tickets import LIFETIME
from gateway.transports.clients import Credentials, Unauthorized
from gateway.transports.negotiation import Media
from gateway.transports.responses import Receive, Refusal, Scope, Send, answer, header_map

PATH: Final = "/graphql/ticket"


class TicketDesk:
    """ASGI app for that one path."""

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's signature
        """Answer 200 with `{"ticket", "expiresIn"}`, or an error as GraphQL errors are."""
        try:
            body = msgspec.json.encode({"ticket": await self._issue(scope), "expiresIn": int(LIFETIME)})
            messages = answer(200, Media.JSON, body, [(b"cache-control", b"no-store")])
        except Refusal as refusal:
            messages = refusal.answer(Media.JSON)
        for message in messages:
            await send(message)

    async def _issue(self, scope: Scope) -> str:
        if scope["method"] != "POST":
            raise Refusal(405, "METHOD_NOT_ALLOWED", "Use POST.", [(b"allow", b"POST")])
        peer = scope.get("client")
        try:
            # no query string: a ticket buys no other
            shown = Credentials(header_map(scope["headers"]), b"", None, None if peer is None else peer[0])
            client = await self._doorkeeper(shown)
        except Unauthorized as error:
            raise Refusal(error.status, error.code, error.message, error.headers) from None
        ticket = self._doorkeeper.tickets.issue(client) if isinstance(client, Member) else None
        if ticket is None:
            raise Refusal(429, "TOO_MANY_TICKETS", "Use the tickets that you have.", [(b"retry-after", b"60")])
        return ticket
