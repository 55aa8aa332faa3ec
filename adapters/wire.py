"""One call over the wire: a request out, an answer or a translated failure back, within a time and a size."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import httpx

from adapters.base import Answer, Request
from adapters.body import ACCEPTED, read_body
from adapters.clock import Clock
from adapters.deadline import within
from adapters.errors import BatchError
from adapters.fault import fault
from adapters.translation import Party, translate

_KEPT: Final = frozenset({b"allow", b"content-language", b"content-type", b"date", b"retry-after"})
"""An answer's headers that adapters may read and that are kept with it. Cookies and their like are dropped here."""
_READ: Final = _KEPT | {b"content-encoding", b"content-length"}
_OURS: Final[Mapping[str, str]] = {"accept-encoding": ACCEPTED}
_DEFAULTS: Final[Mapping[str, str]] = {"user-agent": "batch-gateway", "accept": "application/json"}
_NOTHING: Final = httpx.ByteStream(b"")
"""The body of every request."""


class Wire:
    """An account's connections."""

    def __init__(self, party: Party, transport: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._party = party
        self._transport = transport
        self._clock = clock
        # a poll asks the same URL again, and parsing one costs a good part of a call
        self._url = lru_cache(maxsize=1_024)(httpx.URL)

    async def send(self, request: Request, seconds: float, most: int) -> Answer | BatchError:
        """Send the request; take at most that long, and at most that many bytes.

        Failures are returned: raised inside an `except` they would drag along foreign ones, which hold headers.
        """
        try:
            async with within(self._clock, seconds):
                return await self._exchange(request, most)
        except Exception as error:  # noqa: BLE001 - every kind is translated
            return translate(error, self._party) or fault(error, str(self._party))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def _exchange(self, request: Request, most: int) -> Answer:
        response = await self._transport.handle_async_request(self._outgoing(request))
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous transport's
        try:
            headers = _read_headers(response)
            coding, length = headers.pop("content-encoding", ""), headers.pop("content-length", None)
            body = await read_body(stream, coding, length, most)
        finally:
            await stream.aclose()
        return Answer(response.status_code, body, headers)

    def _outgoing(self, request: Request) -> httpx.Request:
        url = self._url(request.url)
        wanted = request.headers
        names = {name.lower() for name in wanted}
        headers = [(name, value) for name, value in wanted.items() if name.lower() not in _OURS]
        headers += ((name, value) for name, value in _DEFAULTS.items() if name not in names)
        headers += _OURS.items()
        headers.append(("host", url.netloc.decode("ascii")))
        if request.method != "GET":
            headers.append(("content-length", "0"))
        # with a stream of our own httpx adds nothing, which halves what making a request costs
        return httpx.Request(request.method, url, headers=headers, stream=_NOTHING)


def _read_headers(response: httpx.Response) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for raw, value in response.headers.raw
        if (name := raw.lower()) in _READ
    }
