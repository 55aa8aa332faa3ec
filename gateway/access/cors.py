"""Cross-origin resource sharing: which pages of other origins may ask, and read the answers. By list, never with `*`.

No credentials are allowed along: the gateway knows no cookies, and a token in a header needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.transports.responses import Header

_METHODS: Final = b"GET, POST"
_ALLOWED: Final = (
    b"authorization, content-type, accept, x-request-id, last-event-id, traceparent, tracestate, "
    b"apollo-require-preflight, apollographql-client-name, apollographql-client-version"
)
"""What clients of GraphQL send; browsers ask for `accept` too where it is longer than 128 bytes."""
_EXPOSED: Final = b"etag, retry-after, x-request-id, www-authenticate"
_MAX_AGE: Final = b"7200"
_VARY: Final[Header] = (b"vary", b"Origin")


class Cors:
    """Answers preflights, and says on answers that a listed page may read them."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.lower().encode("latin-1", "replace") for origin in origins)

    @property
    def is_used(self) -> bool:
        """False where no page of another origin may ask, and nothing is said about it."""
        return bool(self._origins)

    def is_preflight(self, method: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a browser asks what a page may send."""
        return method == "OPTIONS" and b"origin" in headers and b"access-control-request-method" in headers

    def preflight(self, headers: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """What the answer to a preflight says besides `headers`: nothing where the origin is not listed."""
        if not self._is_listed(headers):
            return ()
        return (
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _ALLOWED),
            (b"access-control-max-age", _MAX_AGE),
        )

    def headers(self, headers: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """What is added to the answer of a request with these headers."""
        if not self._origins:
            return ()
        if not self._is_listed(headers):
            return (_VARY,)
        return (
            (b"access-control-allow-origin", headers[b"origin"]),
            _VARY,
            (b"access-control-expose-headers", _EXPOSED),
        )

    def _is_listed(self, headers: Mapping[bytes, bytes]) -> bool:
        return headers.get(b"origin", b"").lower() in self._origins
