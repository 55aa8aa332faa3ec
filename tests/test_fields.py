"""Lenient fields: what they take, and that everything else becomes null."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec import Raw

from adapters import fields
from adapters.words import fold, word


@pytest.mark.parametrize(
    ("piece", "read"),
    [
        (b'"12.50"', Decimal("12.50")),
        (b"12.50", Decimal("12.50")),
        (b"1e3", Decimal(1000)),
        (b'" 7 "', Decimal(7)),
        (b"-0.0", Decimal(0)),
        (b'"12,50"', None),
        (b'"1_000"', None),
        (b'"NaN"', None),
        (b'"Infinity"', None),
        ('"\N{ARABIC-INDIC DIGIT ONE}"'.encode(), None),
        (b"1e400", None),
        (b"1e-400", None),
        (b"1e99999999999999999999", None),
        (b"1" * 200, None),
        (b"1" * 5000, None),
        (b"true", None),
        (b"null", None),
        (b"[]", None),
    ],
)
def test_exact_numbers(piece: bytes, read: Decimal | None) -> None:
    assert fields.exact(Raw(piece)) == read


def test_money_keeps_its_digits() -> None:
    assert str(fields.exact(Raw(b"249.90"))) == "249.90"


@pytest.mark.parametrize(
    ("piece", "read"),
    [
        (b"3", 3),
        (b'"3"', 3),
        (b"3.0", 3),
        (b"-3", -3),
        (b"2147483647", 2147483647),
        (b"2147483648", None),
        (b"-2147483649", None),
        (b"3.5", None),
        (b'"3.5"', None),
        (b'"three"', None),
        (b"true", None),
        (b"1e308", None),
        (b'""', None),
    ],
)
def test_whole_numbers(piece: bytes, read: int | None) -> None:
    assert fields.whole(Raw(piece)) == read
    assert fields.count(Raw(piece)) == (None if read is None or read < 0 else read)


@pytest.mark.parametrize(
    ("piece", "read"),
    [
        (b'"a"', "a"),
        (b'" a "', " a "),
        (b'""', ""),
        (b"9007199254740993", "9007199254740993"),
        (b"1.50", "1.50"),
        (b"true", None),
        (b"{}", None),
        (b"null", None),
        (b"", None),
    ],
)
def test_text(piece: bytes, read: str | None) -> None:
    assert fields.text(Raw(piece)) == read
    assert fields.identity(Raw(piece)) == ((read or "").strip() or None)


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("piece", "read"),
    [
        (b'"2026-03-02T15:00:00+03:00"', NOON),
        (b'"2026-03-02T12:00:00Z"', NOON),
        (b'"2026-03-02T12:00:00.000000999+00:00"', NOON),
        (b"1772452800000", NOON),
        (b'"1772452800000"', NOON),
        (b"1772452800000.0", NOON),
        (b'"2026-03-02T12:00:00"', None),
        (b'"2026-03-02"', None),
        (b'"9999-12-31T23:59:59-23:59"', None),
        (b'"0001-01-01T00:00:00+23:59"', None),
        (b"0", None),
        (b"1e30", None),
        (b"true", None),
    ],
)
def test_times(piece: bytes, read: datetime | None) -> None:
    assert fields.millis(Raw(piece)) == read


@pytest.mark.parametrize(
    ("piece", "read"), [(b"true", True), (b'"False"', False), (b"1", None), (b'"yes"', None), (b"null", None)]
)
def test_flags(piece: bytes, read: bool | None) -> None:
    assert fields.flag(Raw(piece)) is read


def test_raw_json_is_untouched() -> None:
    assert fields.raw_json(Raw(b'{ "a" : 1.0 }')) == b'{ "a" : 1.0 }'
    assert fields.raw_json(Raw(b"null")) is None


@pytest.mark.parametrize(
    "one", ["BİTTİ", "bitti", " BITTI ", "B\N{LATIN SMALL LETTER DOTLESS I}tt\N{LATIN SMALL LETTER DOTLESS I}"]
)
def test_words_are_compared_without_case_in_turkish_too(one: str) -> None:
    assert fold(one) == "bitti"


@pytest.mark.parametrize(
    ("piece", "said"),
    [(b'" Done "', "Done"), (b"null", None), (b'""', None), (b"7", "7"), (b'{"a":1}', '{"a":1}'), (b"true", "true")],
)
def test_the_word_is_kept_as_it_was_written(piece: bytes, said: str | None) -> None:
    assert word(Raw(piece)) == said


def test_a_long_word_is_cut() -> None:
    assert len(word(Raw(b'"' + b"x" * 10_000 + b'"')) or "") == 200
