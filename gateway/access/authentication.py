"""The one place that decides who is let in; it can be given other clients while the gateway runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from adapters.clock import Clock
from gateway.access.credentials import ticket_of, token_of
from gateway.access.hosts import is_local_name
from gateway.access.jwt import UNAVAILABLE, JwtVerifier
from gateway.access.members import LOCAL, Member, stranger
from gateway.access.refusals import Refusals
from gateway.access.tickets import Tickets
from gateway.access.tokens import ClientSettings, Tokens
from gateway.transports.clients import Client, Credentials, Unauthorized
from gateway.transports.limits import TransportLimits

_NO_TOKEN: Final = "Show a token: Authorization: Bearer …, or over WebSocket connection_init's payload."  # noqa: S105
_BAD_TOKEN: Final = "This token is not, or no longer, valid: ask the gateway's operator for one."  # noqa: S105
_TOO_MANY: Final = "Too many requests without a good token came from your address: wait a minute."
_BAD_TICKET: Final = "This ticket was used, or is too old: ask for a new one at /graphql/ticket."
_RATE_LIMITED: Final = "RATE_LIMITED"
_CODES: Final[tuple[str, ...]] = ("UNAUTHENTICATED", _RATE_LIMITED, UNAVAILABLE, "FORBIDDEN_HOST")
"""Why somebody is not let in."""


class Doorkeeper:
    """Lets clients in by API token, JWT or ticket; or everybody, where no clients were configured at the start.

    `is_local` says that only this machine reaches the gateway.
    """

    def __init__(
        self,
        clients: Iterable[ClientSettings],
        jwt: JwtVerifier | None,
        clock: Clock,
        *,
        is_local: bool,
        limits: TransportLimits,
    ) -> None:
        self._tokens = Tokens(clients)
        self._jwt = jwt
        self._clock = clock
        self._is_local = is_local
        self.is_open = not self._tokens.members and jwt is None
        """True where nobody is asked who they are."""
        self._replaced = 0
        self.tickets: Final = Tickets(clock, limits.tickets)
        self._refusals: Final = Refusals(limits.refusals, clock)
        self.refused: Final[dict[str, int]] = dict.fromkeys(_CODES, 0)
        """How many were not let in, by the error's code."""

    async def __call__(self, shown: Credentials) -> Client:
        """Who it is. Raises `Unauthorized`."""
        try:
            return self._anyone(shown) if self.is_open else await self._known(shown)
        except Unauthorized as error:
            wait = self._refusals.add(shown.peer) if error.status == 401 else None
            if wait is None:
                self.refused[error.code] = self.refused.get(error.code, 0) + 1
                raise
            self.refused[_RATE_LIMITED] += 1
            raise Unauthorized(_TOO_MANY, code=_RATE_LIMITED, status=429, close_code=1013, retry_after=wait) from None

    def replace(self, clients: Iterable[ClientSettings], jwt: JwtVerifier | None) -> None:
        """Let in others from now on. A gateway that asked for tokens never opens by this: without clients it shuts."""
        self._tokens = Tokens(clients)
        self._jwt = jwt
        self._replaced += 1
        self.is_open = self.is_open and not self._tokens.members and jwt is None
        self.tickets.drop(self.is_out)

    @property
    def generation(self) -> tuple[int, int]:
        """Other numbers where somebody who was let in may be out now, by more than the end of a token's term."""
        return self._replaced, 0 if self._jwt is None else self._jwt.generation

    def is_out(self, client: Client) -> bool:
        """True for somebody who would not be let in again in the same way, with the same accounts."""
        if self.is_open:
            return False
        if not isinstance(client, Member) or not client.proof:
            return True
        return client not in self._tokens.members and (self._jwt is None or not self._jwt.vouches_for(client))

    def _anyone(self, shown: Credentials) -> Member:
        if not self._is_local:
            return stranger(shown.peer)
        if not is_local_name(shown.headers):
            raise Unauthorized(
                "This gateway has no clients and answers this machine alone, not under a public name: configure "
                "clients, or set server.allow_anonymous.",
                code="FORBIDDEN_HOST",
                status=403,
                close_code=4403,
            )
        return LOCAL

    async def _known(self, shown: Credentials) -> Member:
        token = token_of(shown)
        if token is None:
            ticket = ticket_of(shown)
            if ticket is None:
                raise Unauthorized(_NO_TOKEN)
            member = self.tickets.redeem(ticket)
            if member is None or (member.expires_at or math.inf) <= self._clock.now().timestamp():
                raise Unauthorized(_BAD_TICKET)
            return member
        member = self._tokens.find(token)
        if member is None and self._jwt is not None and self._jwt.reads(token):
            member = await self._jwt.verify(token)
        if member is None:
            raise Unauthorized(_BAD_TOKEN, challenge='Bearer error="invalid_token"')
        return member
