"""`batch-gateway doctor`: what is wrong with an account, told from what its marketplace answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox.accounts import accounts_toml, sandbox_accounts
from gateway.sandbox.app import create_sandbox
from tests.live_server import serve
from tests.running import Run, run

__all__ = ["run"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


def configuration(tmp_path: Path, *tables: dict[str, str]) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(accounts_toml(tables))
    return str(path)


def mircate(base_url: str, **more: str) -> dict[str, str]:
    return {"name": "warehouse", "marketplace": "mircate", "api_key": "planted-key", "base_url": base_url, **more}


def serving(status: int, body: bytes, content_type: bytes = b"application/json") -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
        await send({"type": "http.response.body", "body": body})

    return application


def test_all_is_well_with_the_sandbox(run: Run, sandbox: str, tmp_path: Path) -> None:
    ran = run("doctor", "--config", configuration(tmp_path, *sandbox_accounts(sandbox)))
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.count("well") == 4
    assert "ILL" not in ran.out


def test_json(run: Run, sandbox: str, tmp_path: Path) -> None:
    path = configuration(tmp_path, *sandbox_accounts(sandbox), mircate("http://127.0.0.1:9/x"))
    ran = run("doctor", "--json", "--config", path)
    assert ran.status == 4
    *well, ill = json.loads(ran.out)
    assert {finding["isWell"] for finding in well} == {True}
    assert (ill["account"], ill["isWell"], ill["code"]) == ("warehouse", False, "UPSTREAM_UNAVAILABLE")
    assert ill["advice"]


def test_wrong_keys(run: Run, sandbox: str, tmp_path: Path) -> None:
    [trendyol] = [table for table in sandbox_accounts(sandbox) if table["marketplace"] == "trendyol"]
    ran = run("doctor", "--config", configuration(tmp_path, {**trendyol, "api_secret": "planted-secret"}))
    assert ran.status == 4
    assert "refused the account's credentials" in ran.out
    assert "Copy the keys again" in ran.out
    assert "planted" not in ran.out + ran.err


PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head></html>"


@pytest.mark.parametrize(
    ("status", "body", "is_well", "words"),
    [
        (404, b'{"message": "Record Not Found"}', True, "check the path in base_url"),
        (204, b"", True, "as it should be"),
        (404, PAGE, False, "a page for browsers"),
        (200, PAGE, False, "perhaps not the marketplace"),
        (403, b"{}", False, "Copy the keys again"),
        (400, b'{"message": "odd"}', False, ". It says: odd"),
        (429, b"{}", False, "Ask again in a minute"),
        (503, b"{}", False, "Ask again in a moment"),
        (302, b"", False, "Check base_url"),
    ],
)
def test_what_the_answers_mean(run: Run, tmp_path: Path, status: int, body: bytes, is_well: bool, words: str) -> None:
    with serve(serving(status, body)) as (host, port):
        path = configuration(tmp_path, mircate(f"http://{host}:{port}/project"))
        ran = run("doctor", "--json", "--config", path)
    [finding] = json.loads(ran.out)
    assert (finding["isWell"], ran.status) == (is_well, 0 if is_well else 4)
    assert words in f"{finding['answer']} {finding['advice']}"


def test_one_call_for_each_account(run: Run, tmp_path: Path) -> None:
    calls: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        calls.append(scope["path"])
        await serving(500, b"{}")(scope, receive, send)

    with serve(application) as (host, port):
        run("doctor", "--config", configuration(tmp_path, mircate(f"http://{host}:{port}/project")))
    assert len(calls) == 1
    assert calls[0].endswith("/doctor-check")


def test_a_wrong_configuration(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text("[server]\nport = 'x'\n")
    assert run("doctor", "--config", str(path)).status == 2
    path.write_text("")
    ran = run("doctor", "--config", str(path))
    assert ran.status == 2
    assert "[[accounts]]" in ran.err
