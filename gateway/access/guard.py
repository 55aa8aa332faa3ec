"""What stands before every route: who the proxies say it is, CORS, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Final

from gateway.access.cors import Cors
from gateway.access.headers import guarded
from gateway.access.proxies import Proxies, is_tls
from gateway.transports.responses import Header, Message, Scope, Send, header_map

_STARTS: Final = frozenset(("http.response.start", "websocket.http.response.start"))


class Guard:
    """Stands between a server and the application's routes."""

    def __init__(self, cors: Cors, proxies: Proxies) -> None:
        self._cors = cors
        self._proxies = proxies

    def admit(self, scope: Scope, send: Send) -> tuple[Scope, Send]:
        """The scope as it is to be believed, and a `send` that adds what answers lack."""
        scope = self._proxies.resolve(scope)
        return scope, self.around(scope, send)

    def around(self, scope: Scope, send: Send) -> Send:
        """A `send` that adds what answers lack; `scope` is the one that was admitted."""
        return partial(self._send, scope, send)  # no closure: most answers of a known head need no `send` at all

    def _send(self, scope: Scope, send: Send, message: Message) -> Awaitable[None]:
        if message["type"] in _STARTS:
            message["headers"] = guarded(message.get("headers", ()), self._more(scope), is_tls=is_tls(scope))
        return send(message)

    def headers(self, scope: Scope, headers: Sequence[Header]) -> list[Header]:
        """The headers of an answer with what they lack; `scope` is the one that was admitted."""
        return guarded(headers, self._more(scope), is_tls=is_tls(scope))

    def _more(self, scope: Scope) -> Sequence[Header]:
        return self._cors.headers(header_map(scope["headers"])) if self._cors.is_used else ()

    async def is_preflight(self, scope: Scope, send: Send) -> bool:
        """Answer a browser that asks what a page may send; False for any other request."""
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            return False
        headers = header_map(scope["headers"])
        if not self._cors.is_preflight(scope["method"], headers):
            return False
        await send({"type": "http.response.start", "status": 204, "headers": [*self._cors.preflight(headers)]})
        await send({"type": "http.response.body", "body": b""})
        return True
