"""Redis or Valkey through aiocache's backend and the redis-py client behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import suppress
from typing import Any, Final

from aiocache.backends.redis import RedisCache  # pyright: ignore[reportMissingTypeStubs]
from aiocache.serializers import NullSerializer  # pyright: ignore[reportMissingTypeStubs]
from redis.asyncio.connection import BlockingConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

from gateway.core.cluster.server import TIME, Script, ServerAway, ServerRefuses, Value

_CONNECTIONS: Final = 16
_PAUSE: Final = 1.0
"""Seconds for which the listener waits at a time."""


class RedisServer:
    """One pool of connections with short timeouts and without retries: who falls back fast needs no patience."""

    def __init__(self, url: str, timeout: float) -> None:
        given: dict[str, Any] = dict(parse_url(url))
        self.database = int(given.pop("db", 0))
        self._cache: Any = RedisCache(
            serializer=NullSerializer(encoding=None),
            endpoint=given.pop("host"),
            port=given.pop("port", 6379),
            db=self.database,
            password=given.pop("password", None),
            pool_max_size=_CONNECTIONS,
            create_connection_timeout=timeout,
            timeout=2 * timeout,
            connection_pool_class=BlockingConnectionPool,
            connection_pool_kwargs={
                "timeout": timeout,
                "socket_timeout": timeout,
                "retry": Retry(NoBackoff(), 0),
                "client_name": "batch-gateway",
                # with them, the pool hands out connections that the server has closed, and timeouts are not ours
                "maint_notifications_config": MaintNotificationsConfig(enabled=False),
                **given,
            },
        )
        self._client: Any = self._cache.client

    async def get(self, key: str) -> bytes | None:
        """The value of a key. Raises `ServerAway`."""
        return await self._told(self._cache.get(key))

    async def run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        """What the script returns. Raises `ServerAway`."""
        return await self._told(self._run(script, keys, values))

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell all who listen. Raises `ServerAway`."""
        await self._told(self._client.publish(channel, message))

    async def listen(self, channel: str) -> AsyncGenerator[bytes | None]:
        """What is told from now on. Ends in `ServerAway`."""
        hearing: Any = self._client.pubsub()
        try:
            await self._told(hearing.subscribe(channel))
            is_silent = False
            while True:
                message = await self._told(hearing.get_message(timeout=_PAUSE))
                if message is None:
                    if is_silent:
                        raise ServerAway("silent")
                    await self._told(hearing.ping())
                    is_silent = True
                    continue
                is_silent = False
                if message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield message["data"]
        finally:
            await hearing.aclose()

    async def renew(self) -> None:
        """Begin with new connections. What is in use fails by itself."""
        with suppress(RedisError, OSError, TimeoutError):
            await self._client.connection_pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)

    async def _run(self, script: Script, keys: Sequence[str], values: Sequence[Value]) -> Any:
        try:
            return await self._client.evalsha(script.digest, len(keys), *keys, *values)
        except NoScriptError:
            return await self._client.eval(TIME + script.text, len(keys), *keys, *values)

    async def _told(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (RedisError, OSError, TimeoutError) as error:
            words = str(error)[:160]  # of the server, or where it was looked for and what was wrong: no password
            name = type(error).__name__
            kind = ServerRefuses if isinstance(error, ResponseError) else ServerAway
            raise kind(f"{name}: {words}" if words else name) from error
