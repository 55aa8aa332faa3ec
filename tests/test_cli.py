"""The command line: what is printed where, and which status a command ends with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.sandbox.accounts import accounts_toml, sandbox_accounts
from gateway.sandbox.app import create_sandbox
from gateway.version import VERSION
from schema.root import build_schema
from tests.ahead_clock import Ahead
from tests.live_server import serve
from tests.running import Ran, Run, run

__all__ = ["run"]


@pytest.fixture(scope="module")
def clock() -> Ahead:
    return Ahead()


@pytest.fixture(scope="module")
def sandbox(clock: Ahead) -> Iterator[str]:
    with serve(create_sandbox(clock)) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def config(sandbox: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("configuration") / "gateway.toml"
    path.write_text('[store]\npath = "off"\n\n' + accounts_toml(sandbox_accounts(sandbox)))
    return str(path)


@pytest.fixture(scope="module")
def ended(sandbox: str, clock: Ahead) -> str:
    """A batch that has ended with failures."""
    headers = {"authorization": "Bearer sandbox-surecart-token"}
    httpx.get(f"{sandbox}/surecart/v1/batches/partly-failed-cli", headers=headers, trust_env=False)
    clock.seconds += 60
    return "surecart-batch:partly-failed-cli"


def test_version(run: Run) -> None:
    assert run("--version") == Ran(0, f"batch-gateway {VERSION}\n", "")


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.status == 0
    for command in ("serve", "demo", "sandbox", "schema", "check", "get", "watch", "watching", "record"):
        assert f"\n    {command} " in ran.out


@pytest.mark.parametrize(
    "arguments",
    [(), ("nothing",), ("get",), ("serve", "--port", "many"), ("demo", "--port", "-1"), ("sandbox", "--port", "99999")],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert "usage: batch-gateway" in ran.err


def test_schema(run: Run) -> None:
    ran = run("schema")
    assert ran.status == 0
    assert ran.out.rstrip("\n") == build_schema().as_str().rstrip("\n")


def test_check(run: Run, config: str) -> None:
    ran = run("check", "--config", config)
    assert (ran.status, ran.err) == (0, "")
    for word in ("good", "http://127.0.0.1:8000", "trendyol-demo", "idefix-inventory", "1000/1s"):
        assert word in ran.out
    assert "sandbox-trendyol" not in ran.out


def test_check_tells_all_mistakes(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('[server]\nprot = 1\n[[accounts]]\nname = "a"\nmarketplace = "trendyol"\napi_key = "hunter2-key"\n')
    ran = run("check", "--config", str(path))
    assert (ran.status, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert f"{path}: server.prot: unknown key: did you mean port?" in lines
    assert f'{path}: accounts[0].seller_id (account "a"): is missing: add it' in lines
    assert f'{path}: accounts[0].api_secret (account "a"): is missing: add it' in lines
    assert "hunter2" not in ran.err


def test_check_warns(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[[accounts]]\nname = "a"\nmarketplace = "surecart"\ntoken = "t"\nbase_url = "http://far.example"\n'
    )
    ran = run("check", "--config", str(path))
    assert ran.status == 0
    assert "unencrypted" in ran.err
    path.write_text("")
    assert "there are no accounts" in run("check", "--config", str(path)).err


def test_without_a_configuration(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["serve"], ["check"], ["get", "trendyol:1"], ["watch", "trendyol:1"], ["watching"]):
        ran = run(*command)
        assert ran.status == 2
        assert ran.err.startswith("./gateway.toml: there is no configuration here: ")
        assert "batch-gateway demo" in ran.err


def test_the_configuration_beside_is_used(run: Run, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(config).parent)
    assert run("check").status == 0


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("trendyol", "is no REF: write source:id"),
        ("trendyool:1", "did you mean trendyol?"),
        ("x:1", "sources are trendyol, idefix-fast-listing"),
        ("trendyol@:1", "the account in"),
        ("trendyol:", "The batch id is empty"),
        ("trendyol:a/b", "The batch id holds"),
        ("trendyol:" + "x" * 257, "longer than 256"),
    ],
)
def test_refs_that_are_none(run: Run, ref: str, words: str) -> None:
    ran = run("get", ref)
    assert ran.status == 2
    assert words in ran.err


def test_get_of_accounts_that_are_not_there(run: Run, config: str) -> None:
    ran = run("get", "trendyol@nobody:1", "mircate@nobody:2", "mircate:3", "--config", config)
    assert (ran.status, ran.out) == (2, "")
    assert "trendyol@nobody:1: There is no Trendyol account" in ran.err
    assert "mircate@nobody:2: There is no Mircate account of that name in the configuration: it has" in ran.err


def test_get_names_the_accounts_that_are_there(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    row = '[[accounts]]\nname = "%s"\nmarketplace = "surecart"\ntoken = "t"\n'
    path.write_text("".join(row % name for name in ("one", "two")), "utf-8")
    ran = run("get", "surecart-batch:1", "surecart-batch@three:1", "mircate:1", "--config", str(path))
    assert ran.status == 2
    assert "surecart-batch:1: Several SureCart accounts would fit: write surecart-batch@ACCOUNT:ID" in ran.err
    assert ran.err.count("one, two") == 2
    assert "mircate:1: There is no Mircate account in the configuration" in ran.err


def test_get_as_a_table(run: Run, config: str, ended: str) -> None:
    ran = run("get", ended, "--config", config)
    assert ran.status == 1
    for word in ("surecart-batch@surecart-demo:partly-failed-cli", "COMPLETED", "PARTIALLY_SUCCEEDED", "failures"):
        assert word in ran.out


def test_get_of_a_running_batch_is_done(run: Run, config: str) -> None:
    assert run("get", "trendyol:slow-cli", "--config", config).status == 0


def test_get_as_json(run: Run, config: str, ended: str) -> None:
    ran = run("get", ended, "--json", "--config", config)
    shown = json.loads(ran.out)
    assert ran.status == 1
    assert shown["source"] == "SURECART_BATCH"
    assert (shown["status"], shown["outcome"]) == ("COMPLETED", "PARTIALLY_SUCCEEDED")
    assert shown["itemCount"] == len(shown["items"]) == shown["succeededCount"] + shown["failedCount"]
    assert shown["payload"]["id"] == "partly-failed-cli"
    assert sum(group["count"] for group in shown["failureSummary"]) >= shown["failedCount"]


def test_get_several_as_a_list_with_the_worst_status(run: Run, config: str, ended: str) -> None:
    ran = run("get", ended, "surecart-batch:gone-cli", "mircate:slow-cli", "--json", "--config", config)
    assert ran.status == 4
    first, second, third = json.loads(ran.out)
    assert first["outcome"] == "PARTIALLY_SUCCEEDED"
    assert second["error"]["code"] == "NOT_FOUND"
    assert third["isTerminal"] is False
    assert "surecart-batch@surecart-demo:gone-cli: NOT_FOUND: " in ran.err


def test_get_of_an_unconfirmed_batch_says_so(run: Run, config: str) -> None:
    words = "has shown nothing of it: check the id and the account"
    assert words in run("get", "trendyol:gone-cli", "--config", config).out
    assert words in run("get", "trendyol:gone-cli", "--json", "--config", config).err


def test_failed_items_as_csv(run: Run, config: str, ended: str) -> None:
    ran = run("get", ended, "--failed", "--csv", "--config", config)
    assert ran.status == 1
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert rows
    assert {row["source"] for row in rows} == {"surecart-batch"}
    assert {row["batch_id"] for row in rows} == {"partly-failed-cli"}
    assert all(row["code"] or row["message"] or row["explanation_en"] for row in rows)
    assert any(name.startswith("payload.") for name in rows[0])


def test_failed_items_in_a_file_for_spreadsheets(run: Run, config: str, ended: str, tmp_path: Path) -> None:
    out = tmp_path / "failed.csv"
    options = ("--failed", "--csv", "--bom", "--delimiter", ";", "--out", str(out), "--config", config)
    ran = run("get", ended, *options)
    assert (ran.status, ran.out) == (1, "")
    assert out.read_bytes().startswith(b'\xef\xbb\xbf"source";"account"')


def test_failed_items_as_json_and_as_a_table(run: Run, config: str, ended: str) -> None:
    rows: list[Any] = json.loads(run("get", ended, "--failed", "--json", "--config", config).out)
    assert all(row["failures"] and row["payload"] for row in rows)
    assert str(rows[0]["key"]) in run("get", ended, "--failed", "--config", config).out


def test_a_file_that_cannot_be_written(run: Run, config: str, ended: str, tmp_path: Path) -> None:
    ran = run("get", ended, "--json", "--out", str(tmp_path / "no" / "where"), "--config", config)
    assert ran.status == 2
    assert "cannot be written" in ran.err


@pytest.mark.parametrize("options", [["--csv"], ["--bom"], ["--failed", "--bom"], ["--failed", "--out", "x"]])
def test_options_that_do_not_fit(run: Run, options: list[str]) -> None:
    assert run("get", "trendyol:1", *options).status == 2


def test_a_marketplace_that_is_away(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    text = '[store]\npath = "off"\n[[accounts]]\nname = "a"\nmarketplace = "surecart"\ntoken = "t"\n'
    path.write_text(text + 'base_url = "http://127.0.0.1:9"\n')
    ran = run("get", "surecart-batch:1", "--config", str(path))
    assert ran.status == 4
    assert "UPSTREAM_UNAVAILABLE" in ran.err


def test_record(run: Run, config: str, ended: str, tmp_path: Path) -> None:
    folder = tmp_path / "recorded"
    ran = run("record", ended, "--out", str(folder), "--config", config)
    assert (ran.status, ran.out) == (0, "")
    path = folder / "surecart-batch-completed.json"
    assert f"{path}: written" in ran.err
    found = json.loads(path.read_text())
    assert found["origin"]["host"] == "127.0.0.1"
    assert found["expect"]["outcome"] == "PARTIALLY_SUCCEEDED"
    text = path.read_text()
    assert "sandbox-surecart-token" not in text
    assert "partly-failed-cli" not in text
    run("record", ended, "--out", str(folder), "--config", config)
    assert (folder / "surecart-batch-completed-2.json").exists()


def test_record_of_what_is_not_there(run: Run, config: str, tmp_path: Path) -> None:
    ran = run("record", "surecart-batch:gone-cli", "--out", str(tmp_path), "--config", config)
    assert (ran.status, ran.out) == (4, "")
    assert "NOT_FOUND" in ran.err
    assert list(tmp_path.iterdir()) == []
