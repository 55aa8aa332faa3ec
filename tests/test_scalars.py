"""Scalars on the wire: times as ISO 8601 in UTC, decimals as a person would write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.scalars import SCALARS

steady = settings(max_examples=200, derandomize=True, database=None, deadline=None)


def told(value: object) -> object:
    serialize = SCALARS[type(value)].serialize
    assert serialize is not None
    return serialize(value)


@steady
@given(moment=st.datetimes(), minutes=st.integers(-14 * 60, 14 * 60))
def test_times_are_written_as_python_writes_them(moment: datetime, minutes: int) -> None:
    assert told(moment.replace(tzinfo=UTC)) == moment.replace(tzinfo=UTC).isoformat()
    if 1 < moment.year < 9999:
        there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
        assert told(there) == there.astimezone(UTC).isoformat()


@steady
@given(value=st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40))
def test_decimals_are_written_out(value: Decimal) -> None:
    written = str(told(value))
    assert Decimal(written) == value
    assert "E" not in written or not -50 < value.adjusted() < 50


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("249.90", "249.90"),
        ("1E+3", "1000"),
        ("1E-7", "0.0000001"),
        ("0E-8", "0.00000000"),
        ("1E+49", "1" + "0" * 49),
        ("1E+50", "1E+50"),
        ("1E-50", "1E-50"),
        ("-0", "-0"),
        ("Infinity", "Infinity"),
        ("NaN", "NaN"),
    ],
)
def test_decimals_as_they_are_told(value: str, written: str) -> None:
    assert told(Decimal(value)) == written
