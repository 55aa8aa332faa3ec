"""Clients that are not ours, from npm, against a real gateway: every transport and the audits of GraphQL over HTTP."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.demo_gateway import demo_gateway, free_port
from tests.needs import need

pytestmark = pytest.mark.slow

CLIENTS = Path(__file__).parent / "clients"
NO_LONGER_THAN = 90
HOW = "Node.js 20 or later, then .ci/install-node-clients"


@pytest.fixture(scope="module")
def node() -> None:
    need("node", is_there=shutil.which("node") is not None, how=HOW)
    need("node", is_there=(CLIENTS / "node_modules" / "graphql").is_dir(), how=HOW)


@pytest.fixture(scope="module")
def gateway(node: None) -> Iterator[str]:
    with demo_gateway() as url:
        yield f"{url}/graphql"


def drive(script: str, url: str, batch_id: str) -> dict[str, Any]:
    """What the client printed, once it ended well."""
    done = subprocess.run(
        ["node", script, url, batch_id],
        cwd=CLIENTS,
        capture_output=True,
        text=True,
        timeout=NO_LONGER_THAN,
        check=False,
    )
    assert done.returncode == 0, f"{script}:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def new_id() -> str:
    return f"partly-failed-{uuid4().hex[:12]}"


def assert_answered(query: dict[str, Any], batch_id: str) -> None:
    batch = query["batch"]
    assert (batch["__typename"], batch["batchId"]) == ("TrendyolBatch", batch_id)
    assert "batchRequestType" in batch


def assert_followed_to_the_end(updates: list[dict[str, Any]], batch_id: str) -> None:
    """The state at once, some change, the terminal one last, and nothing after it."""
    assert len(updates) > 1
    assert {update["ref"]["batchId"] for update in updates} == {batch_id}
    assert [update["isFinal"] for update in updates] == [False] * (len(updates) - 1) + [True]
    assert [update["error"] for update in updates] == [None] * len(updates)
    assert updates[-1]["batch"]["status"] == "COMPLETED"
    versions = [update["version"] for update in updates]
    assert versions == sorted(set(versions))


def test_graphql_ws(gateway: str) -> None:
    batch_id = new_id()
    told = drive("graphql_ws.mjs", gateway, batch_id)
    assert_answered(told["query"], batch_id)
    assert_followed_to_the_end(told["updates"], batch_id)
    assert_followed_to_the_end(told["twin"], batch_id)
    assert any("Syntax Error" in message for message in told["broken"])
    assert told["closed"] == 1000


def test_graphql_sse(gateway: str) -> None:
    batch_id = new_id()
    told = drive("graphql_sse.mjs", gateway, batch_id)
    assert_answered(told["query"], batch_id)
    assert_followed_to_the_end(told["updates"], batch_id)


def test_event_source_stops_at_204_after_the_end(gateway: str) -> None:
    batch_id = new_id()
    told = drive("event_source.mjs", gateway, batch_id)
    assert_followed_to_the_end(told["updates"], batch_id)
    assert told["statuses"] == [200, 204]


def test_apollo_client_over_multipart_and_socket(gateway: str) -> None:
    batch_id = new_id()
    told = drive("apollo.mjs", gateway, batch_id)
    assert_answered(told["query"], batch_id)
    assert_followed_to_the_end(told["updates"], batch_id)
    # Each update was written to the cache under the batch's global id, so the query's answer has moved on with it.
    assert told["cached"]["batch"]["status"] == "COMPLETED"
    # The second look, over the socket, comes after the end: one update, which is the last.
    assert_answered(told["overSocket"]["query"], batch_id)
    assert [update["isFinal"] for update in told["overSocket"]["updates"]] == [True]


def test_apollo_client_3_over_multipart(gateway: str) -> None:
    batch_id = new_id()
    told = drive("apollo_3.mjs", gateway, batch_id)
    assert_answered(told["query"], batch_id)
    assert_followed_to_the_end(told["updates"], batch_id)
    assert told["cached"]["batch"]["status"] == "COMPLETED"


def test_every_audit_of_graphql_over_http_passes(gateway: str) -> None:
    told = drive("audit.mjs", gateway, "")
    assert told["failed"] == []
    assert told["passed"] == told["total"] >= 61


def test_clients_come_back_when_the_gateway_restarts(node: None) -> None:
    """Every stream ends in its protocol's own way, so that nobody takes the restart for the end of the batch."""
    port = free_port()
    command = ["node", "restart.mjs", f"http://127.0.0.1:{port}/graphql", new_id()]
    with demo_gateway(port, ended_by=signal.SIGTERM):
        clients = subprocess.Popen(command, cwd=CLIENTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert clients.stdout is not None
        line = clients.stdout.readline()
    with clients, demo_gateway(port):
        output, complaints = clients.communicate(timeout=NO_LONGER_THAN)
    assert (line, clients.returncode) == ("following\n", 0), complaints
    told = json.loads(output)
    for log in told.values():
        assert [update["isFinal"] for update in log["updates"]].count(True) == 1
        assert log["updates"][-1]["batch"]["status"] == "COMPLETED"
    assert told["ws"]["closed"][0] == 1012
    assert told["eventSource"]["breaks"] >= 1
    assert any("restarts" in message for message in told["apollo"]["errors"])
