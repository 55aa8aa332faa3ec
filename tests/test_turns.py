"""Whose turn it is."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest

from gateway.core.pace import Pace
from gateway.core.turns import Turns

STEADY = Pace(jitter=0.0)


def make(pace: Pace = STEADY) -> Turns[str]:
    return Turns(pace, random.Random(7))


def ask(turns: Turns[str], now: float, not_before: float = 0.0, *, changed: bool = False) -> tuple[str, float]:
    """Let time pass to the next turn and take it."""
    turn = turns.next(now, not_before)
    assert turn is not None
    turns.asked(turn.key)
    turns.seen(turn.key, turn.due, changed=changed)
    return turn


def asks(turns: Turns[str], until: float, *, changed: bool = False) -> list[tuple[str, float]]:
    taken = [ask(turns, 0.0, changed=changed)]
    while taken[-1][1] < until:
        taken.append(ask(turns, taken[-1][1], changed=changed))
    return taken


def test_nobody_to_ask() -> None:
    assert make().next(0.0) is None


def test_a_watch_that_was_never_read_is_due_at_once() -> None:
    turns = make()
    turns.add("a", 5.0, born=0.0)
    assert turns.next(5.0) == ("a", 5.0)


def test_a_watch_that_was_read_waits_for_its_interval() -> None:
    turns = make()
    turns.add("a", 5.0, born=5.0, read=5.0)
    assert turns.next(5.0) == ("a", 5.0 + STEADY.interval(0.0, 0.0))


def test_a_watch_resumed_after_a_pause_is_due_at_once() -> None:
    turns = make()
    turns.add("a", 500.0, born=0.0, read=100.0)
    assert turns.next(500.0) == ("a", 500.0)


def test_a_reading_from_the_future_was_made_now() -> None:
    turns = make()
    turns.add("a", 5.0, born=5.0, read=1e6)
    assert turns.next(5.0) == ("a", 5.0 + STEADY.interval(0.0, 0.0))


def test_a_batch_from_the_future_is_as_young_as_can_be() -> None:
    turns = make()
    turns.add("a", 5.0, born=9.0, read=5.0)
    turns.seen("a", 4.0, changed=True)
    assert turns.next(5.0) == ("a", 5.0 + STEADY.interval(0.0, 0.0))


def test_gaps_grow_geometrically_and_stay_within_a_minute() -> None:
    turns = make(Pace())
    turns.add("a", 0.0, born=0.0)
    times = [due for _, due in asks(turns, 3_600.0)]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert gaps[0] < 0.5
    assert max(gaps) <= 60.0
    assert sum(time < 60.0 for time in times) < 20
    assert len(set(gaps[-10:])) > 3


def test_who_is_in_flight_gets_no_other_turn() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0)
    turns.asked("a")
    assert turns.next(1e9) is None
    turns.seen("a", 2.0, changed=False)
    turn = turns.next(2.0)
    assert turn is not None
    assert turn.due > 2.0


def test_an_answer_to_somebody_else_puts_the_question_off() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0, read=0.0)
    turns.seen("a", 0.2, changed=False)
    turn = turns.next(0.2)
    assert turn is not None
    assert turn.due == 0.2 + STEADY.interval(0.2, 0.2)


def test_a_change_makes_the_next_question_come_sooner() -> None:
    turns = make()
    turns.add("still", 0.0, born=0.0, read=0.0)
    turns.add("moving", 0.0, born=0.0, read=0.0)
    turns.seen("still", 300.0, changed=False)
    turns.seen("moving", 300.0, changed=True)
    assert turns.next(300.0) == ("moving", 300.0 + STEADY.interval(300.0, 0.0))


def test_the_first_reading_is_no_change() -> None:
    turns = make()
    turns.add("a", 300.0, born=0.0)
    turns.seen("a", 300.0, changed=True)
    turn = turns.next(300.0)
    assert turn is not None
    assert turn.due == 300.0 + STEADY.interval(300.0, 300.0)


def test_progress_steers_the_question_to_the_expected_end() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0, read=0.0)
    for now, progress in ((10.0, 0.1), (55.0, 0.55), (98.0, 0.98)):
        turns.seen("a", now, changed=True, progress=progress)
    turn = turns.next(98.0)
    assert turn is not None
    assert 100.0 < turn.due < 100.2


def test_what_a_marketplace_asks_to_leave_alone_is_left_alone_whoever_comes() -> None:
    turns = make()
    turns.add("held", 0.0, born=0.0, attended=False)
    turns.add("free", 0.0, born=0.0)
    turns.asked("held")
    turns.seen("held", 1.0, changed=False, pause=40.0)
    turns.attend("held", subscribers=True)
    turns.seen("held", 2.0, changed=True)
    taken = asks(turns, 60.0)
    assert min(at for key, at in taken if key == "held") == 41.0
    assert any(at < 41.0 for key, at in taken if key == "free")


def test_without_subscribers_it_is_followed_more_slowly_and_again_faster_with_one() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0, read=0.0)
    turns.seen("a", 100.0, changed=False)
    turns.attend("a", subscribers=False)
    slow = turns.next(100.0)
    turns.attend("a", subscribers=True)
    fast = turns.next(100.0)
    assert slow is not None
    assert fast is not None
    assert slow.due - 100.0 == pytest.approx(STEADY.patience * (fast.due - 100.0))


def test_a_subscriber_who_comes_while_it_is_in_flight_is_not_forgotten() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0, attended=False)
    turns.asked("a")
    turns.attend("a", subscribers=True)
    assert turns.next(1e9) is None
    turns.seen("a", 1.0, changed=False)
    turn = turns.next(1.0)
    assert turn is not None
    assert turn.due == 1.0 + STEADY.interval(1.0, 1.0)


def test_who_is_gone_is_not_asked_and_late_words_about_it_do_no_harm() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0)
    turns.remove("a")
    turns.remove("a")
    turns.asked("a")
    turns.seen("a", 1.0, changed=True)
    turns.attend("a", subscribers=False)
    assert turns.next(10.0) is None
    assert len(turns) == 0


def test_nobody_is_asked_before_the_budget_allows() -> None:
    turns = make()
    turns.add("a", 0.0, born=0.0)
    assert turns.next(0.0, not_before=30.0) == ("a", 30.0)


def test_when_a_call_is_free_the_most_worthwhile_of_the_due_is_chosen() -> None:
    turns = make()
    turns.add("old", 0.0, born=-900.0, read=0.0)
    turns.add("young", 0.0, born=-1.0, read=0.0)
    turns.add("unread", 0.0, born=0.0)
    turns.add("unwatched", 0.0, born=-1.0, read=0.0, attended=False)
    order = [ask(turns, 0.0, not_before=70.0 + count * 1e-6)[0] for count in range(4)]
    assert order[:2] == ["unread", "young"]


def test_what_is_not_yet_due_takes_no_call_from_what_is() -> None:
    turns = make()
    turns.add("old", 0.0, born=-900.0, read=-30.0)
    turns.add("young", 0.0, born=0.0, read=0.0)
    assert ask(turns, 0.0, not_before=1.0)[0] == "young"


def test_with_more_watches_than_budget_intervals_stretch_and_nobody_starves() -> None:
    turns: Turns[int] = Turns(Pace(), random.Random(1))
    rng = random.Random(2)
    for key in range(1_000):
        turns.add(key, 0.0, born=-rng.uniform(0.0, 3_600.0), attended=key % 2 == 0)
    last, worst, count = dict.fromkeys(range(1_000), 0.0), 0.0, Counter[bool]()
    for call in range(10_000):
        now = call / 5.0
        turn = turns.next(now)
        assert turn is not None
        worst = max(worst, now - last[turn.key])
        last[turn.key] = now
        count[turn.key % 2 == 0] += 1
        turns.asked(turn.key)
        turns.seen(turn.key, now, changed=False)
    assert worst < 3 * 1_000 / 5.0
    assert count[True] > 1.5 * count[False]


def test_a_flood_of_new_watches_does_not_starve_an_old_one() -> None:
    turns = make()
    turns.add("old", 0.0, born=-3_600.0, read=0.0)
    for count in range(2_000):
        turns.add(f"new {count}", count / 10.0, born=count / 10.0)
        turns.add(f"newer {count}", count / 10.0, born=count / 10.0)
        if ask(turns, count / 10.0)[0] == "old":
            break
    else:
        pytest.fail("never asked")
    assert count / 10.0 >= 54.0


def test_coming_and_going_leaves_nothing_behind() -> None:
    turns = make()
    turns.add("a", 0.0, born=-3_600.0, read=0.0)
    tracemalloc.start()
    for count in range(3_000):
        turns.attend("a", subscribers=count % 2 == 0)
        turns.add(f"b {count}", 0.0, born=0.0, read=0.0)
        turns.remove(f"b {count}")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(turns) == 1
    assert kept < 100_000
