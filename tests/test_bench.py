"""The bench's own parts, and the ratios that it guards."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys

import pytest

from tests.bench import cold, contestants, gate, streams
from tests.bench.load import OWN, best
from tests.bench.market import upstream
from tests.bench.questions import OURS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and pins processes to cores")


@pytest.mark.slow
def test_no_ratio_drops_by_more_than_a_third() -> None:
    with upstream() as market:
        assert gate.lost(market) == {}, "the most that was measured, and what was recorded"


@pytest.mark.slow
def test_identical_cold_queries_make_one_upstream_call() -> None:
    with upstream() as market, contestants.gateway(market.url) as server:
        server.ask(OURS.small)
        market.set_latency(0.2)
        market.reset()
        times = asyncio.run(cold.at_once(server.url, OURS.one("done-1-1000001")))
        assert market.calls() == 1
        assert len(times) == cold.BURST


@pytest.mark.slow
def test_subscribers_hear_of_changes_and_cost_the_marketplace_nothing() -> None:
    with upstream() as market, contestants.gateway(market.url) as server:
        found = streams.stay(server, market, 300, 2.0, batches=10)
    assert found.came == found.stayed == 300
    assert found.told is not None
    assert found.at_once is not None
    assert found.calls < 30, "10 batches are asked about, not 300 times"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_both_tools_send_what_the_gateway_understands() -> None:
    with upstream() as market, contestants.gateway(market.url) as server:
        server.ask(OURS.large)
        for tool in (best(), OWN):
            assert tool.run(server, OURS.large_varied, 2, 1.0).rate > 0
            market.reset()
            assert tool.run(server, OURS.fresh, 4, 1.0).cpu > 0
            assert market.calls() > 4, "every request is about a new batch"


def test_questions_are_json_once_their_number_stands() -> None:
    for body in (OURS.small, OURS.large, OURS.large_varied, OURS.fresh, OURS.many(["done-1-1"])):
        assert json.loads(body.replace(b"{n}", b"7"))["variables"]
