"""Which web pages may use the gateway from a browser."""

from __future__ import annotations

from collections.abc import Mapping


class Origins:
    """The gateway's own pages, and those of the listed origins (`https://front-end.example`).

    A client that is no browser sends no `Origin` and is not asked for one.
    """

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = frozenset(origin.rstrip("/").lower() for origin in allowed)

    def admits(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the page that a browser names may open a socket or ask by GET.

        A POST needs no such check: its content type makes the browser ask first (CORS).
        """
        origin = headers.get(b"origin")
        if origin is not None:
            return self._admits_origin(origin.decode("latin-1").lower(), headers)
        # Pictures, scripts and forms of foreign pages send no Origin with a GET, but the browser tells where they are
        # from. Opening an address, or following a link, is the user's own doing.
        site = headers.get(b"sec-fetch-site", b"none")
        return site in {b"none", b"same-origin"} or (
            headers.get(b"sec-fetch-mode") == b"navigate" and headers.get(b"sec-fetch-dest") == b"document"
        )

    def _admits_origin(self, origin: str, headers: Mapping[bytes, bytes]) -> bool:
        if origin in self._allowed or "*" in self._allowed:
            return True
        # a reverse proxy may speak http to the gateway while the browser speaks https: hosts are compared
        _, separator, host = origin.partition("://")
        return bool(separator) and host == headers.get(b"host", b"").decode("latin-1").lower()
