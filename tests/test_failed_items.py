"""Failed items as files: every cell a value, none a formula, payloads whole."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.model import BatchRef, Failure, Item, ItemStatus, Text
from gateway.cli.cells import cell, flat, neutral
from gateway.cli.failed import FailedItem, as_csv, as_json

REF = BatchRef("trendyol", "shop", "1")


def failed(payload: bytes | None = None, *failures: Failure, title: str | None = None) -> FailedItem:
    return FailedItem(REF, Item(0, ItemStatus.FAILED, "FAILED", failures, "8690", title, None, payload))


def rows(*items: FailedItem, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(items, delimiter)), delimiter=delimiter))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        " =1",
        "\u200b=1",
        "\ufeff=1",
        "\uff1d1",
        "-",
        "+",
        "=",
        "-x",
        "--5",
    ],
)
def test_formulas_become_text(text: str) -> None:
    assert neutral(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["", "5", "-5", "+5", "-5.25", "-5,25", "-1e3", "1E+3", "a=1", "8690000000012", "x-y", "Çizgili", "'=1"]
)
def test_other_texts_and_plain_numbers_stay(text: str) -> None:
    assert neutral(text) == text


@given(st.text())
def test_no_cell_begins_as_a_formula_does(text: str) -> None:
    found = neutral(text)
    assert found.endswith(text)
    assert found[:1] not in set("=@\t\r\n")
    if found[:1] in {"+", "-"}:
        float(found.replace(",", "."))


def test_values_as_cells() -> None:
    values = [cell(None), cell(True), cell(5), cell("x"), cell([1, {"a": "b"}]), cell({})]
    assert values == ["", "true", "5", "x", '[1,{"a":"b"}]', "{}"]


def test_payloads_are_laid_out_in_columns_as_they_were_written() -> None:
    payload = b'{"a": {"b": 1.10, "c": null}, "d": [1.50, "x"], "e": 12345678901234567890123, "f": {}}'
    assert flat(payload, "payload") == {
        "payload.a.b": "1.10",
        "payload.a.c": "",
        "payload.d": '[1.50,"x"]',
        "payload.e": "12345678901234567890123",
        "payload.f": "{}",
    }
    assert flat(b'"text"', "payload") == {"payload": "text"}
    assert flat(None, "payload") == {}


def test_one_row_per_item_with_all_its_reasons() -> None:
    meaning = Text("What it means", "Ne demek")
    item = failed(
        b'{"barcode": "8690"}', Failure("A", "first", meaning), Failure(None, "second"), title="=HYPERLINK(1)"
    )
    [row] = rows(item)
    assert row == {
        "source": "trendyol",
        "account": "shop",
        "batch_id": "1",
        "index": "0",
        "key": "8690",
        "title": "'=HYPERLINK(1)",
        "code": "A\n",
        "message": "first\nsecond",
        "explanation_en": "What it means\n",
        "explanation_tr": "Ne demek\n",
        "payload.barcode": "8690",
    }


def test_columns_are_those_of_all_items() -> None:
    first, second, third = rows(failed(b'{"a": 1}'), failed(b'{"b": 2}'), failed())
    assert (first["payload.a"], first["payload.b"]) == ("1", "")
    assert (second["payload.a"], second["payload.b"]) == ("", "2")
    assert (third["payload.a"], third["payload.b"]) == ("", "")


def test_names_from_outside_are_no_formulas_either() -> None:
    [row] = rows(failed(b'{"=cmd": 1}'))
    assert row["payload.=cmd"] == "1"
    assert not any(name.startswith(("=", "+", "-", "@")) for name in row)


def test_no_delimiter_tears_a_cell_apart() -> None:
    """A spreadsheet set to another delimiter must not see the rest of a cell as one of its own."""
    text = as_csv([failed(b'{"a": "x;=1", "b": "x,=1"}')])
    assert '"x;=1"' in text
    assert '"x,=1"' in text
    assert rows(failed(b'{"a": "x;=1"}'), delimiter=";")[0]["payload.a"] == "x;=1"


def test_json_keeps_the_payload_whole() -> None:
    text = as_json([failed(b'{"a": 1.10, "b": "=1"}', Failure("A", "first"))])
    assert '"a": 1.10' in text
    [row] = json.loads(text)
    assert row["payload"]["b"] == "=1"
    assert row["failures"] == [{"code": "A", "message": "first", "explanation": None}]


def test_no_failed_items() -> None:
    assert as_csv([]).count("\r\n") == 1
    assert as_json([]) == "[]"
