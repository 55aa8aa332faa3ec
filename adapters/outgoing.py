"""A request as it goes out: made once, and sent as often as its batch is asked about."""

from __future__ import annotations

import re
from typing import Final

import httpx
import msgspec

from adapters.base import Request
from adapters.body import ACCEPTED

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[\t -~]*")
_TARGET: Final = re.compile(rb"[!-~]+")
_PLAIN: Final = re.compile(r"(https?://[^/?#@]+)((?:/[0-9A-Za-z_~-][0-9A-Za-z_.~-]*)+(?:\?[0-9A-Za-z_.~=&-]+)?)")
_OURS: Final = ((b"accept-encoding", ACCEPTED.encode()),)
_DEFAULTS: Final = ((b"user-agent", b"batch-gateway"), (b"accept", b"application/json"))
_NOTHING: Final = httpx.ByteStream(b"")

Headers = tuple[tuple[bytes, bytes], ...]


class Outgoing(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A request in both of its forms: as bytes for a connection, and for httpx. `repr` shows none of its secrets."""

    method: str
    address: str
    headers: Headers
    sent: bytes
    """All of it, as the marketplace itself gets it."""
    origin: tuple[bytes, bytes]
    """Scheme, and host with port: what tells whose connections may carry it."""
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Outgoing(method={self.method!r}, address={self.address!r}, origin={self.origin!r})"

    @property
    def url(self) -> httpx.URL:
        """The address, parsed."""
        return httpx.URL(self.address)

    def sent_to_proxy(self, more: Headers) -> bytes:
        """All of it as a proxy gets it that is to fetch it: with the whole address, and headers for the proxy alone."""
        return _written(self.method, self.address.encode("ascii"), (*self.headers, *more), self.body)

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
    sent = _written(request.method, url.raw_path, headers, b"")
    return Outgoing(request.method, str(url), headers, sent, (url.raw_scheme, url.netloc))


class Frame:
    """What all requests to one host share that differ in their path alone: made once, checked once."""

    __slots__ = ("_made", "_method", "_rest", "_root")

    def __init__(self, method: str, root: str, headers: tuple[tuple[str, str], ...]) -> None:
        """`root` as `split_plain` gives it. Raises what `outgoing` raises."""
        self._made = outgoing(Request(method, f"{root}/", dict(headers)))
        self._root = self._made.address.removesuffix("/")
        self._method, _, self._rest = self._made.sent.partition(b" / ")

    def to(self, target: str) -> Outgoing:
        """The request for a path, as `split_plain` gives it."""
        made = self._made
        sent = b"%b %b %b" % (self._method, target.encode("ascii"), self._rest)
        return Outgoing(made.method, self._root + target, made.headers, sent, made.origin)


def split_plain(address: str) -> tuple[str, str] | None:
    """An address as its host and its path; None for one with anything that parsing might change."""
    found = _PLAIN.fullmatch(address)
    return (found[1], found[2]) if found is not None else None


async def of_httpx(request: httpx.Request) -> Outgoing:
    """The same for a request that httpx made."""
    headers, body = tuple(request.headers.raw), await request.aread()
    url = request.url
    sent = _written(request.method, url.raw_path, headers, body)
    return Outgoing(request.method, str(url), headers, sent, (url.raw_scheme, url.netloc), body)


def _written(method: str, target: bytes, headers: Headers, body: bytes) -> bytes:
    """The request as HTTP/1.1. Nothing in it can end a line before its time."""
    if not _TOKEN.fullmatch(method.encode("ascii")) or not _TARGET.fullmatch(target):
        raise ValueError("no address that a request can name")
    for name, value in headers:
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError("no header that a request can carry")
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode("ascii"), target, lines, body)
