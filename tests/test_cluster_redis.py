"""The client of the server, on a real Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from adapters.clock import SystemClock
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.membership import KNOCK
from gateway.core.cluster.redis import RedisServer
from gateway.core.cluster.server import ServerAway
from tests.live_server import until
from tests.valkey import namespace, need_valkey, valkey

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    need_valkey()
    with valkey() as server:
        yield server.port


def admin(port: int) -> Any:
    return redis.Redis(port=port)


async def test_connections_that_the_server_has_closed_are_not_used(port: int) -> None:
    """As idle ones are after its `timeout`, or by a firewall: that is no loss of the server."""
    server = RedisServer(f"redis://127.0.0.1:{port}/0", 5.0)
    await asyncio.gather(*(server.get(f"{number}") for number in range(10)))
    with admin(port) as operator:
        assert operator.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 2
        until(lambda: len(operator.client_list()) == 1)
    await asyncio.sleep(0.05)
    assert await asyncio.gather(*(server.get(f"{number}") for number in range(10))) == [None] * 10
    await server.aclose()


async def test_scripts_that_the_server_has_forgotten_are_given_to_it_again(port: int) -> None:
    server = RedisServer(f"redis://127.0.0.1:{port}/0", 5.0)
    first = await server.run(KNOCK, [], [])
    with admin(port) as operator:
        operator.script_flush()
    assert int((await server.run(KNOCK, [], []))[0]) >= int(first[0])
    await server.aclose()


async def test_databases_of_one_server_do_not_hear_of_each_other(port: int) -> None:
    name = namespace()
    urls = (f"redis://127.0.0.1:{port}/0", f"redis://127.0.0.1:{port}/1", f"redis://127.0.0.1:{port}?db=2")
    servers = [RedisServer(url, 5.0) for url in urls]
    channels = [Keys(name, server.database).news for server in servers]
    assert len(set(channels)) == 3
    heard = servers[1].listen(channels[1])
    assert await anext(heard) is None
    for server, channel in zip(servers, channels, strict=True):
        await server.publish(channel, channel.encode())
    assert await anext(heard) == channels[1].encode()
    await heard.aclose()
    for server in servers:
        await server.aclose()


async def test_a_right_that_is_missing_is_told_once(port: int, caplog: pytest.LogCaptureFixture) -> None:
    keys = Keys("allowed")
    with admin(port) as operator:
        operator.acl_setuser("deaf", enabled=True, nopass=True, keys=["allowed:*"], categories=["+@all"], reset=True)
    link = Link(RedisServer(f"redis://deaf:any@127.0.0.1:{port}/0", 5.0), SystemClock())
    link.found()
    for _ in range(3):
        assert await link.get("allowed:key") is None
        with pytest.raises(ServerAway, match="NoPermission"):
            await link.publish(keys.news, b"news")
        with pytest.raises(ServerAway, match="NoPermission"):
            await anext(link.listen(keys.news))
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["cluster.refused"]
    assert link.is_up
    await link.aclose()


async def test_what_is_wrong_is_told_without_the_password(port: int) -> None:
    for address, words in (
        (f"redis://somebody:hidden-word@127.0.0.1:{port}/0", "invalid username-password pair"),
        (f"redis://127.0.0.1:{port}/99", "DB index is out of range"),
        ("redis://:hidden-word@127.0.0.1:1/0", "127.0.0.1"),
    ):
        server = RedisServer(address, 5.0)
        with pytest.raises(ServerAway) as wrong:
            await server.get("key")
        assert words in str(wrong.value)
        assert "hidden-word" not in str(wrong.value)
        await server.aclose()
