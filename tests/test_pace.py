"""When a batch is asked again."""

from __future__ import annotations

import math
import random

import pytest

from gateway.core.pace import Pace, Trend

PACE = Pace()


def test_gaps_grow_with_age_up_to_the_longest() -> None:
    gaps = [PACE.interval(age, age) for age in (0.0, 0.3, 1.0, 10.0, 60.0, 600.0, 3_600.0, 1e6)]
    assert gaps == sorted(gaps)
    assert 0.25 < gaps[0] < 0.5
    assert gaps[-1] == PACE.longest == 60.0


def test_a_batch_that_moves_is_asked_sooner_than_a_silent_one_of_its_age() -> None:
    moving, slowing, silent = (PACE.interval(600.0, quiet) for quiet in (0.0, 60.0, 600.0))
    assert moving < slowing / 3 < silent / 3
    assert PACE.interval(10.0, 0.0) < moving


def test_eagerness_divides_every_gap_below_the_longest() -> None:
    assert Pace(eagerness=2.0).interval(9.0, 9.0) == pytest.approx(2 * Pace(eagerness=4.0).interval(9.0, 9.0))


@pytest.mark.parametrize("remaining", [1.0, 5.0, 20.0])
def test_the_next_question_goes_a_little_behind_an_end_that_is_near(remaining: float) -> None:
    gap = PACE.interval(200.0, 200.0, remaining)
    assert remaining < gap < remaining * 1.1


def test_an_end_that_is_very_near_does_not_make_it_ask_without_pause() -> None:
    assert PACE.interval(200.0, 0.0, 0.001) == PACE.interval(0.0, 0.0)


def test_far_from_its_end_a_moving_batch_is_asked_once_in_a_twentieth_of_the_way() -> None:
    assert PACE.interval(10.0, 0.0) < 2.0
    assert PACE.interval(10.0, 0.0, 40.0) == pytest.approx(2.0)


def test_a_first_small_step_never_makes_a_batch_wait_longer_than_a_silent_one() -> None:
    """One item of two hundred in the first second says little about the rest."""
    assert PACE.interval(1.0, 0.0, 199.0) == PACE.interval(1.0, 1.0)
    assert PACE.interval(10.0, 0.0, 1e9) == PACE.interval(10.0, 10.0)
    assert PACE.interval(1e5, 0.0, 1e9) == PACE.longest


def test_jitter_spreads_a_gap_and_never_exceeds_the_longest() -> None:
    rng = random.Random(4)
    drawn = [PACE.jittered(10.0, rng.random()) for _ in range(500)]
    assert 9.0 <= min(drawn) < 9.1
    assert 10.9 < max(drawn) <= 11.0
    assert max(PACE.jittered(60.0, rng.random()) for _ in range(500)) <= PACE.longest
    assert len({PACE.jittered(60.0, rng.random()) for _ in range(500)}) > 100


def test_a_question_is_worth_more_the_longer_the_wait_and_the_younger_the_batch() -> None:
    worths = [PACE.worth(waited, 5.0) for waited in (-1.0, 0.0, 1.0, 2.0, 10.0, 100.0)]
    assert worths[:2] == [0.0, 0.0]
    assert worths[1:] == sorted(worths[1:])
    assert PACE.worth(10.0, 1.0) > PACE.worth(10.0, 5.0)


def test_a_first_reading_is_worth_its_whole_wait() -> None:
    assert PACE.worth(3.0, 0.0) == 3.0
    assert PACE.worth(3.0, 0.0) > PACE.worth(3.0, 0.1)


def test_nothing_counts_as_older_than_the_longest_gap() -> None:
    assert PACE.worth(10.0, 30.0) == PACE.worth(10.0, 60.0)


def test_the_end_is_expected_where_steady_progress_leads() -> None:
    trend = Trend(10.0, 0.2).seen(20.0, 0.4)
    assert trend.remaining(20.0) == pytest.approx(30.0)
    assert trend.remaining(35.0) == pytest.approx(15.0)


def test_without_a_step_nothing_is_expected() -> None:
    assert Trend(10.0, 0.4).remaining(10.0) is None
    assert Trend(10.0, 0.4).seen(20.0, 0.4).remaining(20.0) is None


def test_an_expectation_that_has_passed_is_dropped() -> None:
    trend = Trend(0.0, 0.0).seen(10.0, 0.5)
    assert trend.remaining(19.9) == pytest.approx(0.1)
    assert trend.remaining(20.0) is None
    assert Trend(0.0, 0.5).seen(1.0, 1.0).remaining(1.0) is None


def test_time_in_a_queue_is_forgotten_within_a_few_steps() -> None:
    trend = Trend(0.0, 0.0).seen(100.0, 0.1)
    for step in range(1, 5):
        trend = trend.seen(100.0 + step, 0.1 + 0.1 * step)
    remaining = trend.remaining(104.0)
    assert remaining is not None
    assert 5.0 <= remaining < 6.0


@pytest.mark.parametrize("done", [0.1, math.nan])
def test_progress_that_falls_or_is_no_number_gives_no_expectation(done: float) -> None:
    trend = Trend(0.0, 0.0).seen(10.0, 0.5).seen(20.0, done)
    assert trend.remaining(20.0) is None


def test_two_readings_of_one_moment_give_no_expectation() -> None:
    assert Trend(5.0, 0.1).seen(5.0, 0.2).remaining(5.0) is None
