"""Who may read `/metrics`: it names every account, so it is for clients that may see them all, or are made for it."""

from __future__ import annotations

from gateway.access.authentication import Doorkeeper
from gateway.access.members import Member
from gateway.core.accounts import EVERYTHING
from gateway.health import answer_plain
from gateway.transports.clients import Credentials, Unauthorized
from gateway.transports.responses import Scope, Send, header_map


class Meters:
    """Stands before `/metrics`; `is_open` lets in everyone who can reach it."""

    def __init__(self, doorkeeper: Doorkeeper, *, is_open: bool) -> None:
        self._doorkeeper = doorkeeper
        self._is_open = is_open

    async def admits(self, scope: Scope, send: Send) -> bool:
        """Whether the request may be answered; where not, it has been."""
        if self._is_open:
            return True
        peer = scope.get("client")
        try:
            # no query string: tickets are for streams
            shown = Credentials(header_map(scope["headers"]), b"", None, None if peer is None else peer[0])
            client = await self._doorkeeper(shown)
        except Unauthorized as error:
            await answer_plain(send, error.status, f"{error.message}\n".encode(), error.headers)
            return False
        if isinstance(client, Member) and (client.reads_metrics or client.scope == EVERYTHING):
            return True
        await answer_plain(send, 403, b"This client may not read metrics: give it metrics = true, or every account.\n")
        return False
