"""The GraphiQL page: what a browser gets at `/graphql`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response

from gateway.web.assets import is_known
from gateway.web.headers import page_policy, security_headers

# The one style element that GraphiQL 3.9.0 adds by itself, while a dialog is open: it keeps the page behind it still.
_SCROLL_LOCK: Final = "'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='"
_POLICY: Final = page_policy(styles=f"'self' {_SCROLL_LOCK}")


class GraphiQL:
    """Answers a browser with GraphiQL.

    Everything the page loads is named relative to its own address (`_assets/…` beside `/graphql`), and it talks to
    that address alone: it works below any prefix of a reverse proxy without being told of it.
    """

    def __init__(self) -> None:
        self._page: Final = (Path(__file__).parent / "graphiql.html").read_bytes()
        self._etag: Final = f'"{hashlib.sha256(self._page).hexdigest()[:32]}"'

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
