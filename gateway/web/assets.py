"""Serves the files that the gateway's pages load: vendored packages for good, our own until they change."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.web.headers import FILE_POLICY, security_headers

_WEB: Final = Path(__file__).parent
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# A vendored file's path names its version, so its bytes never change; our own files are asked for again each time.
_CACHE: Final = {"vendor": "public, max-age=31536000, immutable", "static": "no-cache", "board": "no-cache"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, read once and kept in both forms."""

    body: bytes
    gzipped: bytes
    tag: str
    content_type: str
    cache_control: str


class Assets:
    """ASGI app for the files below `vendor/`, `static/` and `board/`, to be mounted at `/_assets`.

    Only the files that were there at the start are served, each by its whole name: a path from a client is looked up,
    never opened. A file is read when it is first asked for and kept (1.6 MB for all of them, 0.7 MB more compressed).
    """

    def __init__(self, root: Path = _WEB) -> None:
        self._files = {
            path.relative_to(root).as_posix(): path
            for folder in _CACHE
            for path in sorted((root / folder).rglob("*"))
            if path.suffix in _TYPES
        }
        self._read: dict[str, Asset] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD: 200, 304 for a known tag, 404 for another name, 405 for another method."""
        response = await self._answer(Request(scope))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return _refusal(405, "GET or HEAD only", {"allow": "GET, HEAD"})
        name = _name(request.scope)
        if name not in self._files:
            return _refusal(404, "No such file", {"cache-control": "no-store"})
        asset = self._read.get(name)
        if asset is None:
            asset = self._read[name] = await anyio.to_thread.run_sync(_load, self._files[name], name)
        return _response(request, asset)


def _name(scope: Scope) -> str:
    """The path below the mount; `root_path` grows by the mount's own prefix."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root).lstrip("/")


def _load(path: Path, name: str) -> Asset:
    body = path.read_bytes()
    return Asset(
        body=body,
        gzipped=gzip.compress(body, compresslevel=6, mtime=0),
        tag=hashlib.sha256(body).hexdigest()[:32],
        content_type=_TYPES[path.suffix],
        cache_control=_CACHE[name.partition("/")[0]],
    )


def _response(request: Request, asset: Asset) -> Response:
    zipped = _accepts_gzip(request.headers.get("accept-encoding", ""))
    # The two forms are different bytes and so need different tags.
    etag = f'"{asset.tag}-gz"' if zipped else f'"{asset.tag}"'
    headers = security_headers(FILE_POLICY) | {
        "cache-control": asset.cache_control,
        "etag": etag,
        "vary": "Accept-Encoding",
    }
    if is_known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["content-encoding"] = "gzip"
    body = asset.gzipped if zipped else asset.body
    headers |= {"content-type": asset.content_type, "content-length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, headers=headers)


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether the client's `If-None-Match` names this tag, compared weakly as RFC 9110 asks."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags


def _accepts_gzip(accept_encoding: str) -> bool:
    codings = (part.partition(";") for part in accept_encoding.lower().split(","))
    return any(
        name.strip() == "gzip" and params.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
        for name, _, params in codings
    )


def _refusal(status: int, words: str, headers: dict[str, str]) -> Response:
    return PlainTextResponse(words + "\n", status_code=status, headers=security_headers(FILE_POLICY) | headers)
