"""The breaker: opens on failures, lets one probe through, and is never stuck."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.breaker import Breaker, BreakerState, Pass
from adapters.upstream import UpstreamLimits

LIMITS = UpstreamLimits(breaker_failures=3, breaker_share=0.5, breaker_window=30, breaker_pause=10, slow_call=8)


def enter(breaker: Breaker, now: float) -> Pass:
    entered = breaker.enter(now)
    assert entered is not None
    return entered


def opened() -> Breaker:
    breaker = Breaker(LIMITS)
    for _ in range(3):
        breaker.record(enter(breaker, 0.0), 0.0, failed=True)
    return breaker


def test_failures_open_it() -> None:
    breaker = opened()
    assert breaker.state(0.0) is BreakerState.OPEN
    assert breaker.enter(9.9) is None
    assert breaker.closed_for(4.0) == 6.0


def test_too_few_or_too_old_failures_do_not() -> None:
    breaker = Breaker(LIMITS)
    for now in (0.0, 20.0, 40.0, 60.0):
        breaker.record(enter(breaker, now), now, failed=True)
    assert breaker.state(60.0) is BreakerState.CLOSED


def test_failures_among_many_answers_do_not() -> None:
    breaker = Breaker(LIMITS)
    for number in range(30):
        breaker.record(enter(breaker, 0.0), 0.0, failed=number % 3 == 2)
    assert breaker.state(0.0) is BreakerState.CLOSED


def test_half_open_lets_one_probe_through() -> None:
    breaker = opened()
    assert breaker.state(10.0) is BreakerState.HALF_OPEN
    probe = enter(breaker, 10.0)
    assert [breaker.enter(10.0 + second) for second in range(5)] == [None] * 5
    assert breaker.closed_for(10.0) is not None
    breaker.record(probe, 11.0, failed=False)
    assert breaker.state(11.0) is BreakerState.CLOSED
    assert breaker.enter(11.0) is not None


def test_a_probe_that_fails_opens_it_for_longer() -> None:
    breaker = opened()
    now = 10.0
    pauses: list[float] = []
    for _ in range(6):
        breaker.record(enter(breaker, now), now, failed=True)
        pause = breaker.closed_for(now)
        assert pause is not None
        pauses.append(pause)
        now += pause
    assert pauses == [20.0, 40.0, 80.0, 80.0, 80.0, 80.0]
    breaker.record(enter(breaker, now), now, failed=False)
    for _ in range(3):
        breaker.record(enter(breaker, now), now, failed=True)
    assert breaker.closed_for(now) == 10.0


def test_a_probe_whose_caller_leaves_makes_room_for_the_next() -> None:
    breaker = opened()
    breaker.abandon(enter(breaker, 10.0))
    assert breaker.state(10.0) is BreakerState.HALF_OPEN
    breaker.record(enter(breaker, 10.0), 10.0, failed=False)
    assert breaker.state(10.0) is BreakerState.CLOSED


def test_calls_from_before_say_nothing_about_now() -> None:
    breaker = Breaker(LIMITS)
    old = [enter(breaker, 0.0) for _ in range(6)]
    for one in old[:3]:
        breaker.record(one, 0.0, failed=True)
    probe = enter(breaker, 10.0)
    breaker.record(old[3], 10.0, failed=False)
    assert breaker.state(10.0) is BreakerState.HALF_OPEN
    breaker.abandon(old[4])
    assert breaker.enter(10.0) is None
    breaker.record(probe, 10.0, failed=False)
    breaker.record(old[5], 10.0, failed=True)
    assert breaker.state(10.0) is BreakerState.CLOSED


def test_the_marketplaces_own_pause_is_kept() -> None:
    breaker = Breaker(LIMITS)
    for _ in range(3):
        breaker.record(enter(breaker, 0.0), 0.0, failed=True, pause=120.0)
    assert breaker.closed_for(0.0) == 120.0


@given(st.lists(st.tuples(st.floats(0, 15), st.sampled_from(["fail", "answer", "leave"]), st.booleans()), max_size=80))
def test_it_is_never_stuck(history: list[tuple[float, str, bool]]) -> None:
    """Once every call has ended, waiting for what `closed_for` says always lets a call through."""
    breaker = Breaker(LIMITS)
    now = 0.0
    running: list[Pass] = []
    for gap, outcome, ends_first in history:
        now += gap
        if (entered := breaker.enter(now)) is not None:
            running.append(entered)
        if running:
            ended = running.pop(0 if ends_first else -1)
            if outcome == "leave":
                breaker.abandon(ended)
            else:
                breaker.record(ended, now, failed=outcome == "fail")
    for left in running:
        breaker.abandon(left)
    now += breaker.closed_for(now) or 0.0
    assert breaker.enter(now) is not None


def test_probes_come_one_at_a_time() -> None:
    breaker = opened()
    probes = [entered for _ in range(10) if (entered := breaker.enter(10.0)) is not None]
    assert len(probes) == 1
    assert probes[0].is_probe


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_the_share_counts(share: float) -> None:
    breaker = Breaker(LIMITS.model_copy(update={"breaker_share": share}))
    for failed in (False, True, True, True):
        breaker.record(enter(breaker, 0.0), 0.0, failed=failed)
    assert breaker.state(0.0) is (BreakerState.OPEN if share == 0.5 else BreakerState.CLOSED)
