"""The GraphiQL page: what a browser gets at `/graphql`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.web.assets import is_known
from gateway.web.headers import page_policy, security_headers

# The one style element that GraphiQL 3.9.0 adds by itself, while a dialog is open: it keeps the page behind it still.
_SCROLL_LOCK: Final = "'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='"
_POLICY: Final = page_policy(styles=f"'self' {_SCROLL_LOCK}")

_ANSWERS: Final = ("application/graphql-response+json", "application/json", "multipart/mixed", "text/event-stream")
"""What the API answers with: whoever would rather have one of these is no browser that opens a page."""


class GraphiQL:
    """Answers a browser with GraphiQL: an ASGI app for the requests that `is_wanted` by.

    Everything the page loads is named relative to its own address (`_assets/…` beside `/graphql`), and it talks to
    that address alone: it works below any prefix of a reverse proxy without being told of it.
    """

    def __init__(self) -> None:
        self._page: Final = (Path(__file__).parent / "graphiql.html").read_bytes()
        self._etag: Final = f'"{hashlib.sha256(self._page).hexdigest()[:32]}"'

    def is_wanted(self, scope: Scope) -> bool:
        """Whether this request to `/graphql` is a browser that opens the address; a GET with a query is a question."""
        is_opened = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        if not is_opened or not _prefers_html(Headers(scope=scope).get("accept", "")):
            return False
        return not parse_qs(scope["query_string"].decode("latin-1")).keys() & {"query", "extensions"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page."""
        await self.page(Headers(scope=scope))(scope, receive, send)

    def page(self, headers: Headers) -> Response:
        """The page, or 304 where the browser's copy (`If-None-Match` in the request's `headers`) is this one."""
        common = security_headers(_POLICY) | {
            "cache-control": "no-cache",
            "etag": self._etag,
            "vary": "Accept",
        }
        if is_known(headers.get("if-none-match", ""), self._etag):
            return Response(status_code=304, headers=common)
        return HTMLResponse(self._page, headers=common)


def _prefers_html(accept: str) -> bool:
    ranks: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.lower().split(",")):
        name, _, parameters = part.partition(";")
        ranks.setdefault(name.strip(), (-_quality(parameters), place))
    html = ranks.get("text/html", (0.0, 0))
    return html[0] < 0 and all(html < ranks[name] for name in _ANSWERS if name in ranks)


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
