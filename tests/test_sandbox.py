"""The sandbox over HTTP: who is let in, what errors look like, how lives go on, and what is counted."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from adapters.clock import SystemClock
from gateway.sandbox.accounts import sandbox_accounts
from gateway.sandbox.app import create_sandbox
from tests.live_server import serve
from tests.sandbox_world import HEADERS, PATHS, world

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
SOURCES = sorted(PATHS)


@pytest.mark.parametrize(
    ("source", "headers", "status", "words"),
    [
        ("trendyol", {**HEADERS["trendyol"], "user-agent": ""}, 403, "user.agent.required"),
        ("trendyol", {**HEADERS["trendyol"], "user-agent": "curl/8"}, 403, "user.agent.required"),
        ("trendyol", {"user-agent": "2738 - Self"}, 401, "ClientApiAuthenticationException"),
        ("trendyol", {**HEADERS["trendyol"], "authorization": "Basic bm86bm8="}, 401, "authentication.error"),
        ("idefix-inventory", {}, 401, "VENDOR_TOKEN_NOT_EXIST"),
        ("idefix-inventory", {"x-api-key": "sandbox-idefix-key"}, 401, "VENDOR_TOKEN_NOT_EXIST"),
        ("mircate", {}, 403, "Forbidden"),
        ("surecart-batch", {"authorization": "Basic sandbox-surecart-token"}, 401, "unauthorized"),
    ],
)
async def test_nobody_is_let_in_without_credentials(
    source: str, headers: dict[str, str], status: int, words: str
) -> None:
    async with world() as w:
        answer = await w.get(source, "done-x", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert words in answer.text
        assert w.sandbox.tally.calls() == 0
        assert w.sandbox.tally.total == 1


async def test_good_credentials_do_not_open_another_sellers_door() -> None:
    async with world() as w:
        path = PATHS["trendyol"].replace("2738", "4512").format("done-x")
        answer = await w.client.get(path, headers=HEADERS["trendyol"])
        assert (answer.status_code, answer.json()["exception"]) == (401, "TrendyolAuthorizationException")


async def test_the_second_idefix_account_has_no_secret() -> None:
    async with world() as w:
        path = PATHS["idefix-inventory"].replace("1017", "2023").format("done-x")
        header = {"x-api-key": "c2FuZGJveC1pZGVmaXgta2V5LTI6"}  # base64 of sandbox-idefix-key-2:
        assert (await w.client.get(path, headers=header)).status_code == 200


async def test_errors_have_the_marketplaces_own_shape() -> None:
    async with world() as w:
        astray = await w.client.get("/surecart/v1/orders", headers=HEADERS["surecart"])
        assert (astray.status_code, astray.json()["http_status"]) == (404, "not_found")
        posted = await w.get("idefix-fast-listing", "done-x", method="POST")
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET")
        swapped = await w.get("idefix-fast-listing", "post-only-x")
        assert (swapped.status_code, swapped.headers["allow"]) == (405, "POST")
        assert (await w.get("idefix-fast-listing", "post-only-x", method="POST")).status_code == 200
        nowhere = await w.client.get("/amazon/v1")
        assert nowhere.status_code == 404
        assert "trendyol" in nowhere.json()["error"]


@pytest.mark.parametrize("source", SOURCES)
async def test_limited_is_429_with_retry_after_in_places(source: str) -> None:
    async with world() as w:
        answers = [await w.get(source, "limited-x") for _ in range(8)]
        assert [answer.status_code for answer in answers] == [429, 200, 200, 429, 200, 200, 429, 200]
        told = [answer.headers.get("retry-after") for answer in answers if answer.status_code == 429]
        assert told == ["1", None, "Thu, 01 Jan 2026 00:00:02 GMT"]


@pytest.mark.parametrize("source", SOURCES)
async def test_flaky_is_5xx_and_partly_html(source: str) -> None:
    async with world() as w:
        answers = [await w.get(source, "flaky-x") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [502, 200, 500, 200, 200, 503, 200]
        assert [answer.headers["content-type"].split(";")[0] for answer in answers[:3]] == [
            "text/html",
            "application/json",
            "application/json",
        ]


async def test_a_life_goes_from_its_first_call_to_its_end_and_stays_there() -> None:
    async with world() as w:
        await w.clock.advance(1000)
        words = []
        for _ in range(5):
            words.append((await w.json("trendyol", "n10-x"))["status"])
            await w.clock.advance(1)
        assert words == ["PROCESSING", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]
        end = await w.json("trendyol", "n10-x")
        await w.clock.advance(3600)
        assert await w.json("trendyol", "n10-x") == end
        assert end["creationDate"] == 1_767_225_600_000 + 1_000_000
        assert end["lastModification"] == end["creationDate"] + 4_000


async def test_slow_takes_about_a_minute() -> None:
    async with world() as w:
        await w.json("mircate", "slow-x")
        await w.clock.advance(32.5)
        assert (await w.json("mircate", "slow-x"))["ratio"] == "50%"
        await w.clock.advance(28)
        assert (await w.json("mircate", "slow-x"))["batchStatus"] == "COMPLETED"


async def test_trendyol_forgets_after_four_hours() -> None:
    async with world() as w:
        await w.json("trendyol", "done-x")
        await w.clock.advance(4 * 3600)
        assert await w.json("trendyol", "done-x") == {"batchRequestId": "done-x", "items": [], "status": "PROCESSING"}


@pytest.mark.parametrize(
    ("kind", "batch_type", "fields"),
    [
        ("create", "ProductV2OnBoarding", {"product", "barcode"}),
        ("update", "ProductV2Update", {"product", "barcode"}),
        ("stock", "ProductInventoryUpdate", {"updateRequestDate", "quantity", "salePrice", "barcode", "listPrice"}),
        ("archive", "ProductArchiveUpdate", {"archived", "supplierId", "barcode"}),
        ("delete", "ProductDeletion", {"barcode"}),
    ],
)
async def test_trendyol_echoes_what_each_kind_of_batch_submitted(kind: str, batch_type: str, fields: set[str]) -> None:
    async with world() as w:
        batch = await w.json("trendyol", f"partly-failed-{kind}-n8-x")
        await w.clock.advance(5)
        batch = await w.json("trendyol", f"partly-failed-{kind}-n8-x")
        assert (batch["batchRequestType"], batch["itemCount"], batch["failedItemCount"]) == (batch_type, 8, 2)
        assert ("status" in batch) == (kind != "stock")
        assert {name for item in batch["items"] for name in item["requestItem"]} == fields
        assert [bool(item["failureReasons"]) for item in batch["items"]] == [True, False, False, False] * 2
        assert len({item["requestItem"]["barcode"] for item in batch["items"]}) == 8


async def test_times_are_told_on_each_marketplaces_own_clock() -> None:
    async with world() as w:
        assert (await w.json("surecart-batch", "done-x"))["created_at"] == 1_767_225_600
        batch = await w.json("idefix-inventory", "done-x")
        assert batch["createdAt"] == "2026-01-01T03:00:00+03:00"
        assert datetime.fromisoformat(batch["completedAt"]).timestamp() == 1_767_225_600
        stock = await w.json("trendyol", "no-status-x")
        await w.clock.advance(9)
        stock = await w.json("trendyol", "no-status-x")
        assert stock["items"][0]["requestItem"]["updateRequestDate"] == "2026-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize(("part", "count"), [("n1", 1), ("n250", 250), ("n1000", 1000), ("n0", 1), ("n5000", 1000)])
async def test_the_id_chooses_the_number_of_items(part: str, count: int) -> None:
    async with world() as w:
        assert len((await w.json("idefix-inventory", f"done-{part}-x"))["items"]) == count


async def test_surecart_expands_pages_and_finds_operations() -> None:
    async with world() as w:
        plain = await w.json("surecart-batch", "done-n250-x")
        assert "batch_operations" not in plain
        assert plain["batch_operations_count"] == 250
        expand = {"expand[]": "batch_operations"}
        listed = (await w.json("surecart-batch", "done-n250-x", params=expand))["batch_operations"]
        assert (listed["object"], listed["pagination"]["count"], len(listed["data"])) == ("list", 250, 100)
        bare = (await w.json("surecart-batch", "done-bare-n7-x", params=expand))["batch_operations"]
        assert len(bare) == 7
        pages = []
        for page in (1, 2, 3, 4):
            query = {"batch_ids[]": "done-n250-x", "limit": 100, "page": page}
            pages.append(await w.client.get("/surecart/v1/batch_operations", params=query, headers=HEADERS["surecart"]))
        ids = [operation["id"] for page in pages for operation in page.json()["data"]]
        assert [len(page.json()["data"]) for page in pages] == [100, 100, 50, 0]
        assert len(set(ids)) == 250
        assert ids[0].endswith("-op0249")  # newest first
        one = await w.json("surecart-operation", ids[-1])
        assert one == listed["data"][0]
        whole = await w.json("surecart-operation", ids[-1], params={"expand[]": "batch"})
        assert whole["batch"] == plain
        assert (await w.get("surecart-operation", "done-n250-x-op0250")).status_code == 404


async def test_surecart_lists_the_operations_of_several_batches() -> None:
    async with world() as w:
        query = [("batch_ids[]", name) for name in ("done-n3-a", "done-n4-b", "gone-c")] + [("sort", "created_at:asc")]
        answer = await w.client.get("/surecart/v1/batch_operations", params=query, headers=HEADERS["surecart"])
        assert answer.json()["pagination"] == {"count": 7, "limit": 20, "page": 1, "url": "/v1/batch_operations"}
        assert [one["batch"] for one in answer.json()["data"]] == ["done-n3-a"] * 3 + ["done-n4-b"] * 4


async def test_calls_are_counted_by_id_and_forgotten_on_demand() -> None:
    async with world() as w:
        for _ in range(3):
            await w.get("trendyol", "done-a")
        await w.get("idefix-inventory", "done-a")
        await w.get("idefix-fast-listing", "done-a")
        asked = (await w.client.get("/_sandbox/calls", params={"marketplace": "trendyol", "id": "done-a"})).json()
        assert (asked["calls"], asked["total"], asked["statuses"]["trendyol"]) == (3, 5, {"200": 3})
        assert w.sandbox.tally.calls("idefix", "done-a") == 2
        assert w.sandbox.tally.calls(source="idefix-inventory") == 1
        assert [call["status"] for call in (await w.client.get("/_sandbox/log?id=done-a")).json()] == [200] * 5
        await w.client.delete("/_sandbox/calls")
        assert w.sandbox.tally.calls() == w.sandbox.tally.total == 0


async def test_a_batch_can_be_made_to_be_forgotten() -> None:
    async with world() as w:
        for source, left in (("surecart-batch", 404), ("trendyol", 200), ("mircate", 404), ("idefix-inventory", 404)):
            assert (await w.get(source, "done-x")).status_code == 200
            name = source.partition("-")[0]
            wish = {"marketplace": name, "id": "done-x"}
            assert (await w.client.post("/_sandbox/forget", json=wish)).status_code == 200
            answer = await w.get(source, "done-x")
            assert answer.status_code == left
            assert "COMPLETED" not in answer.text
        assert (await w.client.post("/_sandbox/forget", json={"marketplace": "amazon", "id": "x"})).status_code == 400
        assert (await w.client.post("/_sandbox/reset")).json() == {"reset": True}
        assert (await w.get("mircate", "done-x")).status_code == 200


async def test_latency_is_chosen_for_all_or_by_the_id() -> None:
    async with world(latency=0.2) as w:
        assert (await w.client.get("/_sandbox/latency")).json() == {"ms": 200}
        usual = asyncio.ensure_future(w.get("mircate", "done-a"))
        own = asyncio.ensure_future(w.get("mircate", "done-l500-b"))
        await w.clock.advance(0.1)
        assert not usual.done()
        assert w.sandbox.tally.in_flight == 2
        await w.clock.advance(0.11)
        assert usual.done()
        assert not own.done()
        await w.clock.advance(0.3)
        assert (await own).status_code == 200
        assert (await w.client.put("/_sandbox/latency", json={"ms": 0})).json() == {"ms": 0}
        assert (await w.get("mircate", "done-a")).status_code == 200
        assert (await w.client.put("/_sandbox/latency?ms=soon")).status_code == 400
        assert (w.sandbox.tally.peak, w.sandbox.tally.in_flight) == (2, 0)


async def test_an_encoded_id_stays_one_id() -> None:
    async with world() as w:
        batch = await w.json("trendyol", "done-%C3%BC%20a%2Fb")
        assert batch["batchRequestId"] == "done-ü a/b"
        assert w.sandbox.tally.calls("trendyol", "done-ü a/b") == 1


async def test_accounts_fit_a_gateway() -> None:
    names = [account["name"] for account in sandbox_accounts("http://127.0.0.1:1/")]
    assert names == ["idefix-demo", "mircate-demo", "surecart-demo", "trendyol-demo"]
    assert len(sandbox_accounts("http://127.0.0.1:1", every=True)) == 8


class Together(SystemClock):
    """Lets nobody sleep out before forty sleep."""

    def __init__(self) -> None:
        self._all = asyncio.Barrier(40)

    async def sleep(self, seconds: float) -> None:
        assert seconds == 1.0
        await self._all.wait()


def test_over_sockets_forty_calls_at_once_wait_side_by_side() -> None:
    with serve(create_sandbox(Together(), latency=1.0)) as (host, port):
        asyncio.run(_forty(f"http://{host}:{port}"))
        calls = httpx.get(f"http://{host}:{port}/_sandbox/calls").json()
    assert (calls["calls"], calls["peak_in_flight"], calls["in_flight"]) == (40, 40, 0)


async def _forty(base: str) -> None:
    limits = httpx.Limits()
    async with httpx.AsyncClient(base_url=base, headers=HEADERS["surecart"], limits=limits, timeout=30) as client:
        answers = await asyncio.gather(*(client.get(f"/surecart/v1/batches/done-{index}") for index in range(40)))
        assert {answer.status_code for answer in answers} == {200}


def test_the_command_serves_and_ends_quietly_at_ctrl_c() -> None:
    command = [sys.executable, "-m", "gateway", "sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().split()[4]
        configuration = httpx.get(f"{address}/_sandbox/gateway.toml").text
        assert f'base_url = "{address}/idefix/pim"' in configuration
        port = address.rpartition(":")[2]
        second = subprocess.run(
            [*command[:-1], port], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert (second.returncode, second.stderr.count("\n"), second.stdout) == (2, 1, "")
        assert port in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
