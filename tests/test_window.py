"""The arithmetic of the budget: limits are read in many forms, and crossed in none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.window import Limit, Window

FORMS = [
    ("50/10s", Limit(50, 10.0)),
    ("5/s", Limit(5, 1.0)),
    (" 1000 / min ", Limit(1_000, 60.0)),
    ("1000/m", Limit(1_000, 60.0)),
    ("100/2h", Limit(100, 7_200.0)),
    ("3/0.5s", Limit(3, 0.5)),
    ("2/250ms", Limit(2, 0.25)),
    ("7/30 Seconds", Limit(7, 30.0)),
]


@pytest.mark.parametrize(("text", "limit"), FORMS)
def test_forms_of_a_limit(text: str, limit: Limit) -> None:
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text", ["", "50", "50/", "0/10s", "5/0s", "-5/s", "5/-1s", "5/10d", "5/10s/2", "many/s", "\u0665/s"]
)
def test_what_is_no_limit_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limit.parse(text)


def test_a_limit_reads_as_words() -> None:
    assert str(Limit.parse("50/10s")) == "50 per 10 s"


def test_a_burst_then_the_window() -> None:
    window = Window(Limit(2, 10.0))
    for _ in range(2):
        assert window.wait(0.0) == 0.0
        window.start()
    assert window.left(0.0) == 0
    assert window.wait(1.0) is None  # depends on calls that still run
    window.end(1.0)
    assert window.wait(2.0) == 9.0  # counted from the end: it may have arrived as late as that
    window.end(3.0)
    assert window.wait(11.0) == 0.0
    assert window.left(11.0) == 1
    assert window.left(13.0) == 2


def test_a_call_that_never_went_out_takes_no_place() -> None:
    window = Window(Limit(1, 10.0))
    window.start()
    window.cancel()
    assert window.wait(0.0) == 0.0


def test_throttling_pauses_then_halves_then_recovers() -> None:
    window = Window(Limit(8, 10.0))
    window.throttled(0.0, started=0.0, pause=5.0)
    assert window.left(4.9) == 0
    assert window.wait(3.0) == 2.0
    assert window.left(5.0) == 4
    assert 4 < window.left(40.0) < 8
    assert window.left(65.0) == 8


def test_a_burst_of_refusals_halves_the_pace_once() -> None:
    window = Window(Limit(16, 10.0))
    for _ in range(10):
        window.throttled(1.0, started=0.5, pause=0.0)
    assert window.left(1.0) == 8
    window.throttled(2.0, started=1.5, pause=0.0)
    assert window.left(2.0) == 4


def test_throttling_never_stops_an_account_for_good() -> None:
    window = Window(Limit(1, 10.0))
    for second in range(20):
        window.throttled(second, started=second, pause=0.0)
    assert window.wait(20.0) == 0.0
    window.start()
    window.end(20.0)
    wait = window.wait(20.0)
    assert wait is not None
    assert 10.0 < wait <= 160.0


@st.composite
def histories(draw: st.DrawFn) -> tuple[Limit, list[tuple[float, float, bool]]]:
    limit = Limit(draw(st.integers(1, 6)), draw(st.sampled_from([0.5, 1.0, 7.0, 10.0])))
    gaps = st.floats(0, 4, allow_nan=False)
    return limit, draw(st.lists(st.tuples(gaps, gaps, st.booleans()), min_size=1, max_size=60))


@given(histories())
def test_no_window_ever_sees_more_arrivals_than_the_limit(case: tuple[Limit, list[tuple[float, float, bool]]]) -> None:
    """Whatever callers, latencies and throttling do, and wherever between start and end a call arrives."""
    limit, history = case
    window = Window(limit)
    now = 0.0
    running: list[tuple[float, float]] = []
    spans: list[tuple[float, float]] = []

    def finish(until: float) -> None:
        for start, end in sorted(running, key=lambda span: span[1]):
            if end <= until:
                running.remove((start, end))
                window.end(end)

    for gap, latency, is_throttled in history:
        now += gap
        finish(now)
        while (wait := window.wait(now)) != 0.0:
            now = min(end for _, end in running) if wait is None else now + max(wait, 1e-3)
            finish(now)
        window.start()
        running.append((now, now + latency))
        spans.append((now, now + latency))
        if is_throttled:
            window.throttled(now, started=now, pause=0.0)
    for index, (start, _) in enumerate(spans):
        before = [end for _, end in spans[:index] if end + limit.seconds > start + 1e-9]
        assert len(before) < limit.calls
