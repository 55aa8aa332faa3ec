"""Connections to marketplaces: aiohttp's, with two shortcuts on the way that nearly every call takes.

An answer that came whole is read without a parser (`adapters/whole.py`), and a connection that is free again is lent
anew without going back to aiohttp's pool. Establishing connections, TLS, proxies, the number of connections and every
other answer are aiohttp's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Hashable
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from adapters.whole import Whole, read_whole

_BUFFER: Final = 64 * 1024
"""Bytes of a body that wait to be read: with twice as many, no more are taken from the socket."""


class Speaker(ResponseHandler):
    """What is said on one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._asked: asyncio.Future[Whole | None] | None = None

    @property
    def is_free(self) -> bool:
        """True where a request can be sent, as far as this end knows."""
        wire = self.transport
        return wire is not None and not wire.is_closing() and not self.should_close

    def ask(self, sent: bytes) -> asyncio.Future[Whole | None]:
        """Send a GET on a connection that `is_free`. None comes where the answer is to be `read`."""
        assert self.transport is not None  # noqa: S101 - it is free
        self._asked = asked = self._loop.create_future()
        self.transport.write(sent)
        return asked

    def say(self, sent: bytes, method: str) -> None:
        """Send any request, likewise; its answer is to be `read`."""
        assert self.transport is not None  # noqa: S101 - as above
        self._listen(has_body=method != "HEAD")
        self.transport.write(sent)

    def rest(self) -> None:
        """The answer was read whole: whatever comes before the next request was not asked for, and ends all of it."""
        self._parser = None

    def _listen(self, *, has_body: bool) -> None:
        """Let aiohttp's parser read the next answer."""
        self.set_response_params(
            skip_payload=not has_body, read_until_eof=True, auto_decompress=False, read_bufsize=_BUFFER
        )

    def data_received(self, data: bytes) -> None:
        """Called for whatever has arrived."""
        asked = self._asked
        if asked is None:
            super().data_received(data)
            return
        self._asked = None
        whole = read_whole(data)
        if whole is None:
            self._listen(has_body=True)
            super().data_received(data)
        elif whole.is_last:
            self.force_close()
        if not asked.done():
            asked.set_result(whole)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called at the connection's end."""
        super().connection_lost(exc)
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():
            asked.set_result(None)  # reading tells why


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, whose connections are spoken on by a `Speaker`."""

    def __init__(self, limit: int, keepalive: float, tls: ssl.SSLContext | None) -> None:
        loose = cast("Any", super())  # its types are incomplete
        loose.__init__(limit=limit, keepalive_timeout=keepalive, ssl=tls or True)
        self._factory = cast("Any", lambda: Speaker(asyncio.get_running_loop()))


class Free:
    """Connections that are not used for the moment, by where they lead to; the one that was used last is lent first.

    aiohttp's pool counts them as lent. One that was not used for `seconds` is closed.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[Hashable, deque[tuple[Connection, float]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, where: Hashable) -> Connection | None:
        """One of them, if there is one that seems to be good."""
        kept = self._kept.get(where)
        while kept:
            connection, since = kept.pop()
            speaker = connection.protocol
            is_young = asyncio.get_running_loop().time() - since <= self._seconds
            if is_young and isinstance(speaker, Speaker) and speaker.is_free:
                return connection
            connection.close()
        return None

    def put(self, where: Hashable, connection: Connection) -> None:
        """Keep one."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(where)
        if kept is None:
            kept = self._kept[where] = deque()
        kept.append((connection, loop.time()))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._sweep)

    def clear(self) -> None:
        """Give all of them back."""
        for kept in self._kept.values():
            while kept:
                kept.pop()[0].release()
        self._kept.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = None
        for kept in self._kept.values():
            while kept and kept[0][1] + self._seconds <= now:
                kept.popleft()[0].close()
        first = min((kept[0][1] for kept in self._kept.values() if kept), default=None)
        if first is not None:
            self._timer = loop.call_later(max(0.0, first + self._seconds - now), self._sweep)
