"""The board: what a browser gets at `/`, a client of the public API alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.web.assets import is_known
from gateway.web.headers import page_policy, security_headers

# Nothing on the page turns text into markup, and a browser that knows trusted types holds it to that.
_POLICY: Final = f"{page_policy()}; require-trusted-types-for 'script'"
_GRAPHIQL: Final = b'    <a href="graphql">GraphiQL</a>\n'


class BoardPage:
    """Answers GET and HEAD with the board: an ASGI app for the gateway's own address.

    All that it loads and asks is named relative to that address (`_assets/board/…`, `graphql`): it works below any
    prefix of a reverse proxy without being told of it.
    """

    def __init__(self, *, has_graphiql: bool = True) -> None:
        """Without GraphiQL there is no link to it."""
        page = (Path(__file__).parent / "board" / "index.html").read_bytes()
        self._page: Final = page if has_graphiql else page.replace(_GRAPHIQL, b"")
        self._etag: Final = f'"{hashlib.sha256(self._page).hexdigest()[:32]}"'

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page; 405 for another method."""
        response = self.page(Headers(scope=scope)) if scope["method"] in {"GET", "HEAD"} else _refusal()
        await response(scope, receive, send)

    def page(self, headers: Headers) -> Response:
        """The page, or 304 where the browser's copy (`If-None-Match` in the request's `headers`) is this one."""
        common = security_headers(_POLICY) | {"cache-control": "no-cache", "etag": self._etag}
        if is_known(headers.get("if-none-match", ""), self._etag):
            return Response(status_code=304, headers=common)
        return HTMLResponse(self._page, headers=common)


def _refusal() -> Response:
    headers = security_headers(_POLICY) | {"allow": "GET, HEAD"}
    return PlainTextResponse("GET or HEAD only: the API is at /graphql\n", status_code=405, headers=headers)
