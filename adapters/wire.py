"""One call over the wire: a request out, an answer or a translated failure back, within a time and a size."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Final

import httpx

from adapters.base import Answer, Request
from adapters.body import bounded, read_body, whole_body
from adapters.clock import Clock
from adapters.deadline import within
from adapters.errors import BatchError
from adapters.fault import fault
from adapters.incoming import Incoming
from adapters.outgoing import Frame, Outgoing, outgoing, split_plain
from adapters.translation import Party, translate
from adapters.transport import Transport

_KEPT: Final = ("allow", "content-language", "content-type", "date", "retry-after")
"""An answer's headers that adapters may read and that are kept with it. Cookies and their like are dropped here."""
_CODING: Final = "content-encoding"
_LENGTH: Final = "content-length"
_NAMES: Final = {
    written.encode(): name for name in (*_KEPT, _CODING, _LENGTH) for written in (name, name.title(), name.upper())
}
"""What is looked at, as it is mostly written."""
_REMEMBERED: Final = 4_096
"""Requests of an account that are kept as they were made; each takes about a kilobyte."""
_FRAMES: Final = 16
"""The same for what its requests share."""


class Wire:
    """An account's connections."""

    def __init__(self, party: Party, transport: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._party = party
        self._transport = transport
        self._clock = clock
        self._exchanged = transport.exchange if isinstance(transport, Transport) else partial(_through_httpx, transport)
        # who asks about a batch that is known asks the same again, and making a request costs a good part of a call
        self._outgoing = lru_cache(_REMEMBERED)(self._made)
        self._frame = lru_cache(_FRAMES)(Frame)

    async def send(
        self, request: Request, seconds: float, most: int, known: Answer | None = None
    ) -> Answer | BatchError:
        """Send the request; take at most that long, and at most that many bytes.

        An answer with status and body of `known`, byte for byte, is `known`. Failures are returned: raised inside an
        `except` they would drag along foreign ones, which hold headers.
        """
        try:
            with within(self._clock, seconds):
                made = self._made if known is None else self._outgoing
                answer = await self._exchanged(made(request.method, request.url, tuple(request.headers.items())))
                headers, body = _looked_at(answer), answer.body
                coding, length = headers.pop(_CODING, ""), headers.pop(_LENGTH, None)
                if not isinstance(body, bytes):
                    body = await _taken(body, coding, length, most)
                else:
                    body = await whole_body(body, coding, most) if coding else bounded(body, most)
            if known is not None and answer.status == known.status and body == known.body:
                return known
            return Answer(answer.status, body, headers)
        except Exception as error:  # noqa: BLE001 - every kind is translated
            return translate(error, self._party) or fault(error, str(self._party))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def _made(self, method: str, address: str, headers: tuple[tuple[str, str], ...]) -> Outgoing:
        plain = split_plain(address)
        if plain is None:
            return outgoing(Request(method, address, dict(headers)))
        root, target = plain
        return self._frame(method, root, headers).to(target)


async def _through_httpx(transport: httpx.AsyncBaseTransport, request: Outgoing) -> Incoming:
    response = await transport.handle_async_request(request.as_httpx())
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - an asynchronous transport's
    return Incoming(response.status_code, response.headers.raw, stream)


async def _taken(body: httpx.AsyncByteStream, coding: str, length: str | None, most: int) -> bytes:
    """The whole body, unpacked."""
    try:
        return await read_body(body, coding, length, most)
    finally:
        await body.aclose()


def _looked_at(answer: Incoming) -> dict[str, str]:
    """The headers that mean something here."""
    found: dict[str, str] = {}
    for raw, value in answer.headers:
        name = _NAMES.get(raw) or _NAMES.get(raw.lower())
        if name is not None:
            found[name] = value.decode("latin-1")
    return found
