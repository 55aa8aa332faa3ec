"""What the cadence promises, on simulated batches with fixed seeds (`make bench` shows more of it)."""

from __future__ import annotations

from io import StringIO

import pytest

from gateway.core.pace import Pace
from tests.bench.floor import Floor, costs, paced, usual
from tests.bench.simulation import (
    ALWAYS,
    BURSTS,
    EVEN,
    ROOMY_SEEDS,
    THRIFTY,
    Run,
    busiest,
    cost_of_a_turn,
    gateway,
    main,
    round_robin,
    scheduled,
    simulate,
)
from tests.bench.told import Told, follow


@pytest.fixture(scope="module")
def usual_run() -> Run:
    return simulate(scheduled, BURSTS, ROOMY_SEEDS, 20)


def test_at_the_same_number_of_calls_changes_are_found_sooner_than_by_round_robin() -> None:
    """(a) 500 batches at 5 calls a second."""
    seeds = range(1, 3)
    base = simulate(round_robin, EVEN, seeds, 500)
    ours = simulate(gateway(ALWAYS, is_read=False), EVEN, seeds, 500)
    assert ours.calls == pytest.approx(base.calls, rel=0.001)
    assert ours.mean <= 0.65 * base.mean
    assert ours.p99 <= 1.25 * base.p99
    assert ours.busiest <= 50


def test_no_more_calls_than_the_usual_schedule_find_changes_sooner(usual_run: Run) -> None:
    """(b) 20 batches, budget to spare."""
    ours = simulate(gateway(THRIFTY, is_read=True), BURSTS, ROOMY_SEEDS, 20)
    assert ours.calls <= usual_run.calls
    assert ours.mean_relative <= 0.75 * usual_run.mean_relative
    assert ours.longest_gap <= 60.0 + 1e-6


def test_the_default_finds_changes_much_sooner_for_less_than_twice_the_calls(usual_run: Run) -> None:
    """(b) again."""
    ours = simulate(gateway(Pace(), is_read=True), BURSTS, ROOMY_SEEDS, 20)
    assert ours.calls <= 1.8 * usual_run.calls
    assert ours.mean_relative <= 0.40 * usual_run.mean_relative
    assert ours.longest_gap <= 60.0 + 1e-6


def test_bursts_stay_within_the_limit_and_gaps_stretch_instead() -> None:
    run = simulate(gateway(Pace(), is_read=False), BURSTS, [1], 500)
    assert run.busiest == 50
    assert len(run.delays) == 500


def test_the_schedule_is_within_a_hundredth_of_the_best_there_is() -> None:
    base = costs(usual())
    ours = costs(paced(Pace()))
    least = Floor(60.0).at(ours.calls)
    assert least.delay / base.delay <= ours.delay / base.delay <= least.delay / base.delay + 0.01


def test_progress_finds_the_end_sooner_with_fewer_questions_than_change_alone() -> None:
    nothing, change, progress = (follow(told, range(1, 31), 20) for told in Told)
    assert progress.mean < 0.5 * nothing.mean
    assert progress.calls < 0.8 * change.calls
    assert progress.mean_relative < change.mean_relative


def test_busiest_counts_any_window() -> None:
    assert busiest([0.0, 1.0, 9.9, 10.0, 10.5], 10.0) == 4


@pytest.mark.slow
def test_all_tables_are_printed() -> None:
    out = StringIO()
    main(out)
    text = out.getvalue()
    assert text.count("|---|") == 4
    assert "50 of 50" in text


@pytest.mark.slow
def test_a_turn_is_cheap_with_ten_thousand_watches() -> None:
    """Milliseconds would already be felt by the queries that share the loop; it takes some tens of microseconds."""
    assert min(cost_of_a_turn(10_000) for _ in range(3)) < 1_000
