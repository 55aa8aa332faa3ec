"""SIGHUP and SIGTERM at a real process, with clients on every transport: who is let go, and in what words."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway.access.tokens import digest
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from tests.access_world import FOLLOW, PROTOCOL, bearer, closing, code, hear, let_in, say
from tests.demo_gateway import free_port
from tests.live_server import serve
from tests.replicas import Process, until

pytestmark = pytest.mark.slow

EVENTS, PARTS = "text/event-stream", "multipart/mixed;subscriptionSpec=1.0"
WAIT = '{ awaitBatch(ref: {source: TRENDYOL, id: "slow-%s"}, timeout: 60) { __typename } }'


class Reloaded(Process):
    """A gateway, and the file that it reads again."""

    def __init__(self, folder: Path, sandbox: str) -> None:
        self.file = folder / "gateway.toml"
        self._accounts = sandbox_accounts(sandbox)
        port = free_port()
        super().__init__(folder, "gateway", port, "serve", "--config", str(self.file), "--port", str(port))

    def write(self, *clients: str, more: str = "") -> None:
        lines = [more, "[store]", 'path = "off"']
        for table in self._accounts:
            lines += ["[[accounts]]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        for name in clients:
            row = {"name": name, "token_sha256": digest(f"token-of-{name}"), "accounts": ["*"]}
            lines += ["[[clients]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
        self.file.write_text("\n".join(lines))

    def lines(self, event: str) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in told if line["event"] == event]

    def hang_up(self, event: str) -> dict[str, Any]:
        """Read the file again; returns the one line that is told of it."""
        before = len(self.log.read_text().splitlines()), len(self.lines(event))
        os.kill(self.pid, signal.SIGHUP)
        until(lambda: len(self.lines(event)) > before[1], 30)
        told = self.lines(event)[-1]
        news = self.log.read_text().splitlines()[before[0] :]
        assert all(line.startswith("{") for line in news), news
        return told

    def post(self, query: str, who: str) -> httpx.Response:
        headers = bearer(f"token-of-{who}")
        return httpx.post(f"{self.url}/graphql", json={"query": query}, headers=headers, timeout=70, trust_env=False)

    def stream(self, who: str, accept: str) -> Any:
        headers = {**bearer(f"token-of-{who}"), "accept": accept}
        body = {"query": FOLLOW % f"slow-{who}"}
        url = f"{self.url}/graphql"
        return httpx.stream("POST", url, json=body, headers=headers, timeout=60, trust_env=False)

    @contextmanager
    def socket(self, who: str) -> Iterator[ClientConnection]:
        url = self.url.replace("http:", "ws:") + "/graphql"
        with connect(url, subprotocols=[PROTOCOL], proxy=None) as socket:
            let_in(socket, {"token": f"token-of-{who}"})
            say(socket, type="subscribe", id="1", payload={"query": FOLLOW % f"slow-{who}"})
            assert hear(socket)["type"] == "next"
            yield socket


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Reloaded]:
    with serve(create_sandbox()) as (host, port):
        gateway = Reloaded(tmp_path, f"http://{host}:{port}")
        gateway.write("goes", "stays")
        gateway.start()
        try:
            gateway.wait_until_up("/readyz")
            yield gateway
        finally:
            gateway.end()


def behind(call: Callable[[], httpx.Response]) -> Callable[[], httpx.Response]:
    """Ask in a thread; returns what waits for the answer."""
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(call()), daemon=True)
    thread.start()

    def answer() -> httpx.Response:
        thread.join(60)
        return answers[0]

    return answer


def test_clients_that_are_taken_out_are_let_go_and_no_others(gateway: Reloaded) -> None:
    with ExitStack() as stack:
        events, parts = (stack.enter_context(gateway.stream("goes", accept)) for accept in (EVENTS, PARTS))
        leaving, staying = (stack.enter_context(gateway.socket(who)) for who in ("goes", "stays"))
        stream = stack.enter_context(gateway.stream("stays", EVENTS))
        told = stream.iter_lines()
        assert next(told) is not None
        waiting, waits_on = (behind(lambda who=who: gateway.post(WAIT % who, who)) for who in ("goes", "stays"))

        # a file with mistakes changes nothing, and is told in one line
        gateway.write("stays", more="[server]\nprot = 1\nhosts = 2")
        line = gateway.hang_up("configuration.kept")
        assert line["mistakes"] == 2
        assert "server.prot" in line["told"]
        gateway.file.write_text("[[clients")
        assert gateway.hang_up("configuration.kept")["mistakes"] == 1
        for who in ("goes", "stays"):
            assert gateway.post("{ __typename }", who).status_code == 200
        say(leaving, type="ping")
        while hear(leaving)["type"] != "pong":
            pass

        gateway.write("stays")
        line = gateway.hang_up("configuration.read")
        assert line["clients"] == 1
        assert closing(leaving) == (4403, "Credentials are no longer valid")
        for left in (events, parts):
            assert "UNAUTHENTICATED" in "".join(left.iter_text())
        answer = waiting()
        assert (answer.status_code, code(answer)) == (401, "UNAUTHENTICATED")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert gateway.post("{ __typename }", "goes").status_code == 401

        assert gateway.post("{ __typename }", "stays").status_code == 200
        say(staying, type="ping")
        while hear(staying)["type"] != "pong":
            pass
        assert next(told) is not None

        # at the end streams and waits are told so, each in its own way
        os.kill(gateway.pid, signal.SIGTERM)
        answer = waits_on()
        assert (answer.status_code, code(answer)) == (503, "SERVICE_RESTART")
        assert closing(staying)[0] == 1012
        assert any(line.startswith("retry:") for line in told)


def test_a_reload_names_what_waits_for_a_restart(gateway: Reloaded) -> None:
    until(lambda: bool(gateway.lines("access.clients")), 30)
    assert f"answers on {gateway.url}/graphql" in gateway.lines("gateway.ready")[0]["message"]
    assert all(line.startswith("{") for line in gateway.log.read_text().splitlines())
    gateway.write("stays", more="[limits]\nbody = 5000")
    assert gateway.hang_up("configuration.read")["needs_restart"] == "limits"
    with pytest.raises(ConnectionClosed), gateway.socket("goes"):
        pass
