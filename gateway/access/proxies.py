"""Reverse proxies that are believed: where a client really is, and whether it came over TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from gateway.access.members import plain_address
from gateway.transports.responses import Scope, header_map

_LONGEST: Final = 2_000
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network(text: str) -> Network:
    """One address, or a network such as 10.0.0.0/8. Raises `ValueError`."""
    return ipaddress.ip_network(text, strict=False)


class Proxies:
    """Reads `X-Forwarded-For` and `X-Forwarded-Proto` of the listed proxies; nobody else's."""

    def __init__(self, trusted: Iterable[str]) -> None:
        networks = tuple(network(text) for text in trusted)

        @lru_cache(maxsize=1024)
        def trusts(address: str) -> bool:
            try:
                forms = {ipaddress.ip_address(address), plain_address(address)}
            except ValueError:
                return False
            return any(form in known for known in networks for form in forms)

        self._trusts = trusts
        self._are_any = bool(networks)

    def resolve(self, scope: Scope) -> Scope:
        """The scope with the client that the proxies tell of, or as it is where it came from nobody trusted."""
        peer = scope.get("client")
        if not self._are_any or peer is None or not self._trusts(peer[0]):
            return scope
        headers = header_map(scope["headers"])
        changed = {**scope, "client": (self._client(peer[0], scope), 0)}
        proto = headers.get(b"x-forwarded-proto", b"").strip().lower()
        if proto in {b"https", b"http"}:
            is_socket = scope["type"] == "websocket"
            changed["scheme"] = {b"https": "wss" if is_socket else "https", b"http": "ws" if is_socket else "http"}[
                proto
            ]
        return changed

    def _client(self, peer: str, scope: Scope) -> str:
        """The last address that no trusted proxy has: what stands before it anybody may have written."""
        given = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        if len(given) > _LONGEST:
            return peer
        nearest = peer
        for part in reversed(given.decode("latin-1").split(",")):
            address = _address(part.strip())
            if address is None:
                return nearest
            nearest = address
            if not self._trusts(address):
                break
        return nearest


def _address(text: str) -> str | None:
    """An address as proxies write it, perhaps with a port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(plain_address(text.partition("%")[0]))
    except ValueError:
        return None


def is_tls(scope: Mapping[str, object]) -> bool:
    """Whether the client came over TLS, as far as the gateway or a trusted proxy can tell."""
    return scope.get("scheme") in {"https", "wss"}
