"""A request as it goes out: made once, and sent as often as its batch is asked about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import httpx

from adapters.base import Request
from adapters.body import ACCEPTED

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t -~]*")
_TARGET: Final = re.compile(rb"[!-~]+")
_OURS: Final = ((b"accept-encoding", ACCEPTED.encode()),)
_DEFAULTS: Final = ((b"user-agent", b"batch-gateway"), (b"accept", b"application/json"))
_NOTHING: Final = httpx.ByteStream(b"")

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A request in both of its forms: as bytes for a connection, and for httpx. `repr` shows none of its secrets."""

    method: str
    url: httpx.URL
    headers: Headers = field(repr=False)
    sent: bytes = field(repr=False)
    """All of it, as the marketplace itself gets it."""
    body: bytes = field(default=b"", repr=False)
    origin: tuple[bytes, bytes] = field(init=False)
    """Scheme, and host with port: what tells whose connections may carry it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "origin", (self.url.raw_scheme, self.url.netloc))

    def sent_to_proxy(self, more: Headers) -> bytes:
        """All of it as a proxy gets it that is to fetch it: with the whole address, and headers for the proxy alone."""
        return _written(self.method, str(self.url).encode("ascii"), (*self.headers, *more), self.body)

    def as_httpx(self) -> httpx.Request:
        """The same for a transport that speaks httpx."""
        # with a stream of our own httpx adds nothing, which halves what making a request costs
        stream = httpx.ByteStream(self.body) if self.body else _NOTHING
        return httpx.Request(self.method, self.url, headers=list(self.headers), stream=stream)


def outgoing(request: Request) -> Outgoing:
    """What to send for an adapter's request. Raises `ValueError` where no address or header can carry a part of it."""
    url = httpx.URL(request.url)
    wanted = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in request.headers.items())
    names = {name for name, _ in wanted}
    ours = {name for name, _ in _OURS}
    headers = (
        (b"host", url.netloc),
        *(header for header in wanted if header[0] not in ours),
        *(header for header in _DEFAULTS if header[0] not in names),
        *_OURS,
        *(() if request.method == "GET" else ((b"content-length", b"0"),)),
    )
    return Outgoing(request.method, url, headers, _written(request.method, url.raw_path, headers, b""))


async def of_httpx(request: httpx.Request) -> Outgoing:
    """The same for a request that httpx made."""
    headers, body = tuple(request.headers.raw), await request.aread()
    return Outgoing(
        request.method, request.url, headers, _written(request.method, request.url.raw_path, headers, body), body
    )


def _written(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    """The request as HTTP/1.1. Nothing in it can end a line before its time."""
    if not _TOKEN.fullmatch(method.encode("ascii")) or not _TARGET.fullmatch(target):
        raise ValueError("no address that a request can name")
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("no header that a request can carry")
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode("ascii"), target, lines, body)
