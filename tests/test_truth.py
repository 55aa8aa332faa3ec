"""Plays every row of docs/truth.md through its adapter: the page and the code say the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adapters.base import Answer
from adapters.errors import UpstreamError
from adapters.mircate import read_ratio
from adapters.model import Snapshot, Text
from adapters.registry import SOURCES
from tests.exchange import read, talk

PAGE = Path(__file__).parents[1] / "docs" / "truth.md"
NULL = "\N{EN DASH}"
ID = "b0903efa-9e9e-4a73-b554-f43f4fd53e5b"
GROUNDS = {"documented", "reported", "inferred"}
HEADING = re.compile(r"### (?P<source>[a-z-]+): (?P<kind>batches|items|ratios|refusals)")


class Row(NamedTuple):
    source: str
    kind: str
    cells: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.source} {self.cells[0][:90]}"


def rows() -> list[Row]:
    """The rows of all tables, below their headings."""
    found: list[Row] = []
    heading = None
    for line in PAGE.read_text("utf-8").splitlines():
        heading = HEADING.fullmatch(line) or (None if line.startswith("#") else heading)
        if heading and line.startswith("| `"):
            cells = tuple(cell.strip() for cell in line.strip("|").split(" | "))
            found.append(Row(heading["source"], heading["kind"], (cells[0].strip("` |"), *cells[1:])))
    return found


ROWS = rows()


def of_kind(kind: str) -> pytest.MarkDecorator:
    chosen = [row for row in ROWS if row.kind == kind]
    return pytest.mark.parametrize("row", chosen, ids=[row.id for row in chosen])


def item(source: str, said: object) -> object:
    """An item that has been shortened to its status word, at full length."""
    if not isinstance(said, str):
        return said
    if source != "surecart-batch":
        return {"status": said, "requestItem": {"barcode": "1"}} if source == "trendyol" else {"status": said}
    word, _, answered = said.partition(" ")
    number = int(answered) if answered else None
    return {"id": said, "object": "batch_operation", "status": word, "path": "/v1/products", "response_status": number}


def whole(source: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body with its items at full length."""
    lists = ("items", "products", "batch_operations")
    return {key: _all(source, part) if key in lists else part for key, part in body.items()}


def _all(source: str, part: object) -> object:
    if not isinstance(part, list):
        return part
    full = [item(source, said) for said in part]
    return [{**one, "id": f"op-{n}"} if source == "surecart-batch" else one for n, one in enumerate(full)]


def play(row: Row) -> Snapshot | UpstreamError:
    """What the adapter makes of the answer in a row."""
    found = re.match(r"(?P<status>[1-5]\d\d)(?: (?P<text>.*))?$", row.cells[0])
    status, text = (int(found["status"]), found["text"] or "") if found else (200, row.cells[0])
    try:
        body = whole(row.source, json.loads(text))
        text = json.dumps(body)
    except (ValueError, AttributeError):
        pass  # an answer that is no JSON, or no object, is sent as it stands
    return talk(row.source, ID, [Answer(status, text.encode())]).ending


@of_kind("batches")
def test_batches(row: Row) -> None:
    _, status, outcome, terminal, counts, step, ground = row.cells
    snapshot = play(row)
    assert isinstance(snapshot, Snapshot), snapshot
    assert snapshot.status.value == status
    assert (snapshot.outcome.value if snapshot.outcome else NULL) == outcome
    assert snapshot.is_terminal == (terminal == "yes")
    assert " / ".join(NULL if count is None else str(count) for count in snapshot.counts) == counts
    assert isinstance(snapshot.next_step, Text) == (step == "approve")
    assert ground in GROUNDS


@of_kind("items")
def test_items(row: Row) -> None:
    said, status, ground = row.cells
    word = None if said == "null" else said
    key = {"surecart-batch": "batch_operations", "idefix-product-create": "products"}.get(row.source, "items")
    snapshot = read(row.source, {"status": "in_progress", key: [item(row.source, word) or {"status": None}]}, ID)
    assert [head.status.value for head in snapshot.items.heads] == [status]
    assert snapshot.items[0].source_status == (word and word.split(" ")[0] if row.source == "surecart-batch" else word)
    assert ground in GROUNDS


@of_kind("ratios")
def test_ratios(row: Row) -> None:
    said, progress, ground = row.cells
    snapshot = read("mircate", {"batchStatus": "completed", "ratio": json.loads(said)})
    assert snapshot.progress == (None if progress == NULL else pytest.approx(float(progress)))
    assert ground in GROUNDS


@of_kind("refusals")
def test_refusals(row: Row) -> None:
    _, code, ground = row.cells
    error = play(row)
    assert isinstance(error, UpstreamError), error
    assert error.code.value == code
    assert ground in GROUNDS


def test_the_page_has_rows_for_every_source() -> None:
    assert {row.source for row in ROWS if row.kind == "batches"} == set(SOURCES)
    assert len({(row.source, row.kind, row.cells[0]) for row in ROWS}) == len(ROWS)


def test_no_row_is_overlooked() -> None:
    """A table under a heading that is not understood would go unplayed."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROWS)


def test_the_page_tells_its_own_size() -> None:
    found = re.search(r"(\d+) rows: (\d+) documented, (\d+) reported, (\d+) inferred", PAGE.read_text("utf-8"))
    assert found, "the page says how many rows stand on which ground"
    by_ground = Counter(row.cells[-1] for row in ROWS)
    told = [len(ROWS), by_ground["documented"], by_ground["reported"], by_ground["inferred"]]
    assert [int(number) for number in found.groups()] == told


def test_a_ratio_that_nobody_sent_is_no_progress() -> None:
    assert read_ratio(None) is None
