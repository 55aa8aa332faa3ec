"""The process: how it starts, what it says, and how it ends at a signal."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway import server
from gateway.cli.main import main
from gateway.server import AddressError, listen
from tests.demo_gateway import free_port

ROOT = Path(__file__).parent.parent
STREAM = 'subscription { batchUpdates(refs: [{source: TRENDYOL, id: "slow-%s"}]) { version } }'


class Demo(NamedTuple):
    process: subprocess.Popen[bytes]
    url: str

    def end(self, number: int) -> tuple[int, float]:
        """Send a signal: exit status, and seconds until it came."""
        started = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(60), time.monotonic() - started


@contextlib.contextmanager
def demo() -> Iterator[tuple[Demo, list[str]]]:
    """A running demo, and what it had said in the end."""
    said: list[str] = []
    port = free_port()
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    with TemporaryFile() as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _until_up(url, process)
            yield Demo(process, url), said
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            output.seek(0)
            said.append(output.read().decode())


def _until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        time.sleep(0.05)
    pytest.fail("the demo did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_demo_ends_at_once_with_open_streams(number: int) -> None:
    assert any(_ends(number) < 2 for _ in range(3))  # a busy machine may hold one of them up


def _ends(number: int) -> float:
    """Seconds until a demo with open streams has ended."""
    with demo() as (running, said):
        headers = {"accept": "text/event-stream"}
        with (
            httpx.Client(timeout=20, trust_env=False) as client,
            client.stream("POST", f"{running.url}/graphql", json={"query": STREAM % "sse"}, headers=headers) as events,
            connect(
                f"{running.url.replace('http', 'ws')}/graphql", subprotocols=["graphql-transport-ws"], proxy=None
            ) as ws,  # type: ignore[list-item]
        ):
            lines = events.iter_lines()
            assert any(line.startswith("event: next") for line in lines)
            ws.send('{"type":"connection_init"}')
            ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": STREAM % "ws"}}))
            assert json.loads(ws.recv())["type"] == "connection_ack"
            assert json.loads(ws.recv())["type"] == "next"
            status, seconds = running.end(number)
            assert status == 0
            assert not any(line.startswith("event: complete") for line in lines)
            with pytest.raises(ConnectionClosed) as closed:
                list(iter(ws.recv, None))
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
    assert "Traceback" not in said[0]
    assert "Three things to try" in said[0]
    return seconds


@pytest.mark.parametrize("command", ["demo", "sandbox"])
def test_a_taken_port_is_one_clear_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([command, "--port", port]) == 2
    out, err = capsys.readouterr()
    [line] = err.splitlines()
    assert f"127.0.0.1:{port} is in use by another program" in line
    assert out == ""


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_fault() -> None:
    command = f"{sys.executable} -m gateway schema | head -1"
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 1
    assert ran.returncode in {0, 141}


def test_what_cannot_start_ends_with_the_status_of_a_gateway_that_cannot_answer() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with listen("127.0.0.1", 0) as listener:
        assert server.run(server.serve([server.Served(broken, listener)])) == 4


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [("203.0.113.7", 0, "cannot be listened on"), ("no such host", 0, "no address of this machine")],
)
def test_addresses_that_cannot_be_listened_on(host: str, port: int, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        listen(host, port)


def may_listen_on_80() -> bool:
    """Root may, and everybody on some machines and in most containers."""
    try:
        socket.create_server(("127.0.0.1", 80)).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.skipif(may_listen_on_80(), reason="this user may listen on every port")
def test_ports_that_need_rights() -> None:
    with pytest.raises(AddressError, match="needs special rights"):
        listen("127.0.0.1", 80)
