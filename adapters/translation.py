"""Foreign exceptions as ours, in one place. Their own texts are left out: some hold URLs or headers."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Final

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError

from adapters.body import UnreadableBody
from adapters.errors import InvalidAnswer, Unavailable, UpstreamError, UpstreamTimeout


class Misconfigured(Unavailable):
    """The marketplace cannot be reached as it is configured: asking again does not help, a person has to act."""

    retryable = False


@dataclass(frozen=True, slots=True)
class Party:
    """Whom a message is about."""

    title: str
    account: str
    host: str

    def __str__(self) -> str:
        return f"{self.title} (account {self.account})"


_CERTIFICATE: Final = (
    "the certificate of {host} is not trusted. Check base_url and this machine's clock; behind a proxy that opens TLS, "
    "name its certificate in upstream.ca_file"
)
_ADDRESS: Final = "{host} cannot be found. Check base_url and this machine's name resolution"
_REQUEST: Final = (
    "no request can be made of what is configured. Check base_url and the credentials for stray characters"
)
_CUT: Final = "the connection to {host} broke off. Ask again in a moment"
_NO_CONNECTION: Final = (
    "no connection to {host} came to stand. Check base_url and the network, then the marketplace's status"
)
_TLS: Final = "{host} does not speak TLS as it should. Check base_url (https or http, the port)"
_PROXY: Final = "the proxy in front of {host} refused. Check the environment's proxy, or set upstream.trust_env = false"
_LATE: Final = "{host} did not answer in time. Ask again in a moment"
_NOT_HTTP: Final = "what {host} sent is not an HTTP answer. Check base_url, then ask again in a moment"

_MEANINGS: Final[tuple[tuple[tuple[type[BaseException], ...], type[UpstreamError], str], ...]] = (
    # the first row that fits counts: narrow ones stand before wide ones
    (
        (ssl.SSLCertVerificationError, aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch),
        Misconfigured,
        _CERTIFICATE,
    ),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), Unavailable, _ADDRESS),
    ((httpx.ProxyError, aiohttp.ClientProxyConnectionError, aiohttp.ClientHttpProxyError), Unavailable, _PROXY),
    ((aiohttp.ClientSSLError, ssl.SSLError), Unavailable, _TLS),
    ((httpx.ConnectTimeout, httpx.PoolTimeout, aiohttp.ConnectionTimeoutError), UpstreamTimeout, _NO_CONNECTION),
    (
        (httpx.TimeoutException, aiohttp.ServerTimeoutError, asyncio.TimeoutError, TimeoutError),
        UpstreamTimeout,
        _LATE,
    ),
    ((httpx.ConnectError, aiohttp.ClientConnectorError, ConnectionRefusedError), Unavailable, _NO_CONNECTION),
    (
        (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.CookieConflict),
        Misconfigured,
        _REQUEST,
    ),
    ((aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError), Misconfigured, _REQUEST),
    (
        (httpx.DecodingError, httpx.TooManyRedirects, httpx.HTTPStatusError, aiohttp.ClientResponseError),
        InvalidAnswer,
        _NOT_HTTP,
    ),
    ((HttpProcessingError,), InvalidAnswer, _NOT_HTTP),
    (
        (httpx.RemoteProtocolError, httpx.NetworkError, httpx.StreamError, aiohttp.ClientError, OSError, EOFError),
        Unavailable,
        _CUT,
    ),
    ((httpx.HTTPError,), Unavailable, _CUT),
    ((ValueError, TypeError), Misconfigured, _REQUEST),
)


def translate(error: Exception, party: Party) -> UpstreamError | None:
    """What a failed call means; None for an exception that no transport raises: a fault of the gateway's own."""
    if isinstance(error, UnreadableBody):
        return InvalidAnswer(f"{party}: the answer {error}. If that stays so, tell whoever runs this gateway.")
    for kinds, meaning, words in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(f"{party}: {words.format(host=party.host)}{_system_words(error)}.")
    return None


def _system_words(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return f" ({os.strerror(number)})" if number is not None and number > 0 else ""
