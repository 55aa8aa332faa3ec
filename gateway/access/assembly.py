"""Everything about access put together for one gateway, and put together anew when its configuration is read again."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx

from adapters.clock import Clock
from gateway.access.authentication import Doorkeeper
from gateway.access.cors import Cors
from gateway.access.desk import TicketDesk
from gateway.access.etags import LastingAnswers
from gateway.access.guard import Guard
from gateway.access.jwks import Keys, loader
from gateway.access.jwt import JwtSettings, JwtVerifier
from gateway.access.meters import Meters
from gateway.access.persisted import Persisted
from gateway.access.proxies import Proxies
from gateway.access.rates import Rates
from gateway.access.shared_documents import SharedDocuments
from gateway.access.shared_rates import SharedRates
from gateway.access.trusted import TrustedError, read_trusted
from gateway.core.cluster.cluster import Cluster
from gateway.settings import Settings

_log: Final = logging.getLogger(__name__)

_RATE: Final = 1_000
"""Operations per second and client where none are set: far above what pages do, far below what a core answers."""


class Entrance:
    """Open from the first moment; close it with `aclose`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        server = settings.server
        self._clock = clock
        self._settings = settings
        self._client: httpx.AsyncClient | None = None
        self._shared = AsyncExitStack()
        self._jwt = self._verifier(settings.auth.jwt)
        self.doorkeeper: Final = Doorkeeper(
            settings.clients, self._jwt, clock, is_local=not server.allow_anonymous, limits=settings.limits
        )
        self.desk: Final = TicketDesk(self.doorkeeper)
        self.meters: Final = Meters(self.doorkeeper, is_open=server.metrics_open)
        self.guard: Final = Guard(Cors(server.cors_origins), Proxies(server.trusted_proxies))
        self.documents: Final = Persisted(settings.persisted, _trusted(settings))
        self.caching: Final = LastingAnswers(server.cache_max_age, is_shared=server.cache_shared)
        self._each = _each(settings)
        self.rates: Rates | SharedRates | None = None if self._each is None else Rates(self._each, clock)

    def join(self, cluster: Cluster) -> None:
        """Share with the other replicas what clients have used up, and the documents that they register."""
        link, keys, given = cluster.link, cluster.keys, self._settings.persisted
        if self._each is not None:
            self.rates = SharedRates(self._each, link, keys, cluster.share, self._clock)
            self._shared.push_async_callback(self.rates.aclose)
        documents = SharedDocuments(link, keys, self._clock, most=given.max, most_bytes=given.max_bytes)
        self._shared.push_async_callback(documents.aclose)
        self.documents.elsewhere = documents

    async def reload(self, settings: Settings) -> None:
        """Take over clients, `[auth]` and trusted documents of settings that were read anew.

        Raises `TrustedError`, and has changed nothing then.
        """
        place = settings.persisted.trusted
        trusted = {} if place is None else read_trusted(Path(place))
        before, now = self._settings.auth.jwt, settings.auth.jwt
        old, self._settings = self._jwt, settings
        if before != now:
            self._jwt = self._verifier(now)
        self.doorkeeper.replace(settings.clients, self._jwt)
        self.documents.trusted = trusted
        if before != now and old is not None:
            await old.aclose()
        if not settings.asks_for_tokens and not self.doorkeeper.is_open:
            _log.warning(
                "access.shut", extra={"fields": {"why": "no clients are left: a restart would let everybody in"}}
            )

    def _verifier(self, settings: JwtSettings | None) -> JwtVerifier | None:
        if settings is None:
            return None
        if self._client is None:
            upstream = self._settings.upstream
            verify = upstream.ca_file or True
            self._client = httpx.AsyncClient(trust_env=upstream.trust_env, verify=verify, timeout=5.0)
        return JwtVerifier(settings, Keys(loader(settings.jwks, self._client), self._clock), self._clock)

    async def aclose(self) -> None:
        """Let go of the issuer's keys, and of what is shared."""
        await self._shared.aclose()
        if self._jwt is not None:
            await self._jwt.aclose()
        if self._client is not None:
            await self._client.aclose()


def _each(settings: Settings) -> int | None:
    """None where no limit is set and only this machine reaches the gateway: there is no second client."""
    each = settings.limits.operations_per_second
    is_private = settings.server.is_local and not settings.asks_for_tokens
    return None if each is None and is_private else each or _RATE


def _trusted(settings: Settings) -> dict[str, str]:
    place = settings.persisted.trusted
    try:
        return {} if place is None else read_trusted(Path(place))
    except TrustedError as error:
        # it was there when the settings were read
        _log.error("documents.unreadable", extra={"fields": {"why": str(error)}})
        return {}
