"""Watching from the command line: through a running gateway, and directly."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.cli import refs
from gateway.cli.remote import Gateway, GatewayError, is_of
from gateway.cli.seen import Seen
from gateway.cli.views import Lines
from gateway.sandbox.accounts import accounts_toml, sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.settings import make_settings
from tests.live_server import serve
from tests.running import Run, run

__all__ = ["run"]
pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def config(sandbox: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("configuration") / "gateway.toml"
    path.write_text('[store]\npath = "off"\n\n' + accounts_toml(sandbox_accounts(sandbox)))
    return str(path)


@pytest.fixture(scope="module")
def url(sandbox: str) -> Iterator[str]:
    settings = make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": "off"}})
    with serve(create_app(settings), lifespan="on") as (host, port):
        yield f"http://{host}:{port}"


def test_to_the_end_through_a_gateway(run: Run, url: str) -> None:
    ran = run("watch", "mircate:done-watch", "trendyol:done-partly", "--url", url)
    assert (ran.status, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("mircate@mircate-demo:done-watch  SUCCEEDED")


def test_to_the_end_directly_as_json(run: Run, config: str) -> None:
    ran = run("watch", "idefix-inventory:failed-watch", "--config", config, "--json", "--exit-status")
    assert ran.status == 1
    updates = [json.loads(line) for line in ran.out.splitlines()]
    assert updates[0]["isFinal"] is False
    assert (updates[-1]["isFinal"], updates[-1]["outcome"]) == (True, "FAILED")
    assert {update["ref"] for update in updates} == {"idefix-inventory@idefix-demo:failed-watch"}


def test_a_failed_batch_is_no_failure_of_the_watch(run: Run, url: str) -> None:
    ran = run("watch", "idefix-inventory:failed-watch", "--url", url, "--timeout", "20")
    assert ran.status == 0
    assert "FAILED" in ran.out


@pytest.mark.parametrize("way", ["url", "config"])
def test_timeouts(run: Run, way: str, url: str, config: str) -> None:
    for seconds in ("0.5", "5", "30"):  # a busy machine may not have asked within the first of them
        ran = run("watch", "trendyol:gone-watch", f"--{way}", url if way == "url" else config, "--timeout", seconds)
        assert ran.status == 3
        assert f"1 not at an end after {seconds} s" in ran.err
        if "has shown nothing of it: check the id and the account" in ran.err:
            return
    pytest.fail(ran.err)


def test_a_gateway_that_is_not_there(run: Run) -> None:
    ran = run("watch", "trendyol:1", "--url", "http://127.0.0.1:9")
    assert (ran.status, ran.out) == (4, "")
    assert "http://127.0.0.1:9/graphql cannot be reached" in ran.err


def test_something_else_than_a_gateway(run: Run, sandbox: str) -> None:
    ran = run("watch", "trendyol:1", "--url", sandbox)
    assert ran.status == 4
    assert "check --url" in ran.err


def test_an_account_that_is_not_there(run: Run, url: str, config: str) -> None:
    ran = run("watch", "trendyol@nobody:1", "--url", url)
    assert ran.status == 2
    assert "UNKNOWN_ACCOUNT" in ran.err
    assert run("watch", "trendyol@nobody:1", "--config", config).status == 2


@pytest.mark.parametrize(
    "options",
    [
        ["--timeout", "soon"],
        ["--timeout", "-1"],
        ["--url", "localhost"],
        ["--url", "http://["],
        ["--url", "http://127.0.0.1:99999"],
        ["--url", "http://127.0.0.1:9", "--token", "şifre"],
        ["--url", "http://127.0.0.1:9", "--token", "a\nb"],
        ["--url", "http://x", "--config", "y"],
    ],
)
def test_wrong_usage(run: Run, options: list[str]) -> None:
    ran = run("watch", "trendyol:1", *options)
    assert (ran.status, ran.out) == (2, "")
    assert "usage: batch-gateway watch" in ran.err


def test_the_token_of_the_environment_is_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    async def answer(scope: dict[str, Any], _: Any, send: Any) -> None:
        shown.append(dict(scope["headers"])[b"authorization"].decode())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"data": {"marketplaces": []}}'})

    with serve(answer) as (host, port):
        monkeypatch.setenv("BATCH_GATEWAY_TOKEN", "from-a-file\n")
        assert run("watching", "--url", f"http://{host}:{port}").status == 0
        assert run("watching", "--url", f"http://{host}:{port}", "--token", "typed").status == 0
    assert shown == ["Bearer from-a-file", "Bearer typed"]


def test_watching_counts_what_a_gateway_follows(run: Run, url: str) -> None:
    for seconds in ("0.5", "5", "30"):  # as above
        run("watch", "surecart-batch:slow-watching", "--url", url, "--timeout", seconds)
        ran = run("watching", "--url", url, "--json")
        assert ran.status == 0
        counted = {row["account"]: row["watchedBatches"] for row in json.loads(ran.out)}
        if counted["surecart-demo"]:
            break
    assert counted["surecart-demo"] == 1
    assert "surecart-demo" in run("watching", "--url", url).out


def test_watching_reads_the_store(run: Run, sandbox: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[store]\npath = "{tmp_path}/kept.db"\n\n' + accounts_toml(sandbox_accounts(sandbox)))
    assert "nothing is being watched" in run("watching", "--config", str(path)).err
    settings = make_settings({"accounts": sandbox_accounts(sandbox), "store": {"path": f"{tmp_path}/kept.db"}})
    with serve(create_app(settings), lifespan="on") as (host, port):
        followed = f"http://{host}:{port}"
        for seconds in ("0.5", "5", "30"):  # as above
            run("watch", "trendyol:slow-kept", "--url", followed, "--timeout", seconds)
            if sum(row["watchedBatches"] for row in json.loads(run("watching", "--url", followed, "--json").out)):
                break
    ran = run("watching", "--config", str(path))
    assert ran.status == 0
    assert "trendyol@trendyol-demo:slow-kept" in ran.out
    [row] = json.loads(run("watching", "--config", str(path), "--json").out)
    assert row["ref"] == "trendyol@trendyol-demo:slow-kept"


def test_watching_without_a_store(run: Run, config: str) -> None:
    ran = run("watching", "--config", config)
    assert ran.status == 2
    assert "the store is off" in ran.err


def test_bars_on_a_terminal(config: str) -> None:
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "gateway", "watch", "mircate:done-bars", "--config", config]
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, cwd=ROOT, stdout=terminal, stderr=terminal, env=environ) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(main, 65536):
                shown += chunk
        except OSError:  # how Linux says that the other side is closed
            pass
    os.close(main)
    assert process.returncode == 0
    assert b"mircate@mircate-demo:done-bars" in shown
    assert "━━━".encode() in shown
    assert b"SUCCEEDED (12 of 12)" in shown


def event(batch_id: str, *, final: bool) -> bytes:
    batch: dict[str, Any] = dict.fromkeys(
        ["sourceStatus", "progress", "itemCount", "succeededCount", "failedCount", "pendingCount"]
    )
    batch |= {"status": "COMPLETED" if final else "PENDING", "outcome": "SUCCEEDED" if final else None}
    batch |= {"isTerminal": final, "isConfirmed": True}
    ref = {"source": "TRENDYOL", "batchId": batch_id, "account": "shop"}
    update = {"ref": ref, "isFinal": final, "batch": batch, "error": None}
    return b"event: next\ndata: " + json.dumps({"data": {"batchUpdates": update}}).encode() + b"\n\n"


class Broken(httpx.AsyncByteStream):
    """A stream whose connection is lost at its end."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for part in self._parts:
            yield part
        raise httpx.ReadError("lost")


async def follow(*answers: httpx.Response | Exception) -> tuple[list[Seen], list[list[str]]]:
    """What a watch of two batches sees of a gateway that answers so, and the ids that it asked for each time."""
    script, asked = iter(answers), list[list[str]]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append([ref["id"] for ref in json.loads(request.content)["variables"]["refs"]])
        step = next(script)
        if isinstance(step, Exception):
            raise step
        return step

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        there = Gateway("http://gateway/graphql", None, client)
        return [seen async for seen in there.updates([refs.parse("trendyol:a"), refs.parse("trendyol@shop:b")])], asked


def stream(*parts: bytes) -> httpx.Response:
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, headers=headers, stream=Broken(*parts))


async def test_a_stream_that_breaks_off_goes_on_with_what_is_open() -> None:
    seen, asked = await follow(
        stream(b":\n\n", event("a", final=True), event("b", final=False)),
        httpx.ConnectError("restarting"),
        httpx.Response(503),
        stream(event("b", final=True), b"event: complete\ndata:\n\n"),
    )
    assert [(one.ref[-1], one.is_final) for one in seen] == [("a", True), ("b", False), ("b", True)]
    assert asked == [["a", "b"], ["b"], ["b"], ["b"]]


async def test_a_gateway_that_was_never_there_is_not_waited_for() -> None:
    with pytest.raises(GatewayError, match="cannot be reached"):
        await follow(httpx.ConnectError("no"))
    with pytest.raises(GatewayError, match="not allowed"):
        await follow(httpx.Response(401, json={"errors": [{"message": "not allowed"}]}))


def test_a_marketplaces_words_make_no_line_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    word = "ODD\ntrendyol@shop:b  SUCCEEDED\x1b[31m"
    Lines().show(Seen("trendyol@shop:a", is_final=False, status="UNKNOWN", source_status=word))
    [line] = capsys.readouterr().out.splitlines()
    assert line == "trendyol@shop:a  UNKNOWN (ODD trendyol@shop:b  SUCCEEDED\ufffd[31m)"


def test_an_update_is_of_the_reference_that_was_typed() -> None:
    seen = Seen("trendyol@shop:a:b", is_final=False)
    assert is_of(seen, refs.parse("trendyol:a:b"))
    assert is_of(seen, refs.parse("TRENDYOL@shop:a:b"))
    assert not is_of(seen, refs.parse("trendyol@other:a:b"))
    assert not is_of(seen, refs.parse("trendyol:a"))
