"""What is tried again, and when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import errors
from adapters.retry import RetryBudget, backoff, can_pass, retry_after
from adapters.translation import Misconfigured

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
HOUR = 3_600.0

FORMS = [
    (None, None),
    ("", None),
    ("0", 0.0),
    ("120", 120.0),
    (" 7 ", 7.0),
    ("1.5", 1.5),
    ("86400", HOUR),
    ("9" * 12, HOUR),
    ("9" * 400, None),
    ("-1", None),
    ("+5", None),
    ("1e3", None),
    ("inf", None),
    ("nan", None),
    ("5, 10", None),
    ("soon", None),
    ("\u0661", None),
    ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
    ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
    ("Thu Jan  1 12:00:30 2026", 30.0),
    ("Thu, 01 Jan 2026 15:00:30 +0300", 30.0),
    ("Thu, 01 Jan 2026 11:59:00 GMT", 0.0),
    ("Fri, 01 Jan 2027 12:00:00 GMT", HOUR),
    ("Thu, 99 Jan 2026 12:00:30 GMT", None),
    ("Thu, 01 Jan 0000 12:00:30 GMT", 0.0),
]


@pytest.mark.parametrize(("value", "seconds"), FORMS)
def test_forms_of_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW, None, HOUR) == seconds


def test_a_date_is_taken_against_the_answers_own_date() -> None:
    """So a marketplace whose clock is a year off is understood as well."""
    date, then = "Wed, 01 Jan 2025 00:00:00 GMT", "Wed, 01 Jan 2025 00:00:20 GMT"
    assert retry_after(then, NOW, date, HOUR) == 20.0
    assert retry_after(then, NOW, "nonsense", HOUR) == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_it(value: str, date: str) -> None:
    seconds = retry_after(value, NOW, date, HOUR)
    assert seconds is None or 0.0 <= seconds <= HOUR


RETRIED = {errors.Unavailable, errors.RateLimited}
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BatchError)]


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_can_pass_is_retried(kind: type[errors.BatchError]) -> None:
    assert can_pass(kind("words")) is (kind in RETRIED)


def test_what_a_person_has_to_mend_is_not_retried() -> None:
    assert not can_pass(Misconfigured("words"))


def test_backoff_grows_is_spread_and_bounded() -> None:
    assert backoff(1, None, 0.0) == 0.125
    assert backoff(1, None, 0.999) < 0.25
    assert backoff(2, None, 0.0) == 0.25
    assert backoff(40, None, 0.999) <= 4.0


@given(st.integers(1, 9), st.floats(0, 3_600), st.floats(0, 0.999))
def test_backoff_never_comes_before_retry_after(attempt: int, seconds: float, chance: float) -> None:
    assert seconds <= backoff(attempt, seconds, chance) <= seconds + 4.0


def test_retries_are_a_share_of_calls() -> None:
    budget = RetryBudget(0.1)
    assert sum(budget.spend() for _ in range(20)) == 10  # the reserve
    for _ in range(10):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]
    for _ in range(1_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(20)) == 10


def test_no_share_is_no_retry() -> None:
    budget = RetryBudget(0.0)
    budget.earn()
    assert not budget.spend()
