"""What clients rely on stays: the schema differs from the last release in harmless ways only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import build_schema
from graphql.utilities import find_breaking_changes

from gateway.version import VERSION

ROOT = Path(__file__).parent.parent
RELEASED = (ROOT / "schema" / "released.graphql").read_text(encoding="utf-8")
NOW = (ROOT / "schema" / "schema.graphql").read_text(encoding="utf-8")


def broken(before: str, after: str) -> list[str]:
    return [change.description for change in find_breaking_changes(build_schema(before), build_schema(after))]


def test_the_released_schema_names_its_release() -> None:
    """CONTRIBUTING.md tells when this file is written anew: at a release, and never to make a test pass."""
    found = re.match(r"# The schema of release (\d+\.\d+\.\d+)\n", RELEASED)
    assert found
    assert tuple(map(int, found[1].split("."))) <= tuple(map(int, VERSION.split(".")))


def test_nothing_that_clients_rely_on_has_changed() -> None:
    assert broken(RELEASED, NOW) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  lastUpdatedAt: DateTime\n", ""),
        ("  pushPriceFrequency: Int\n", "  pushPriceFrequency: String\n"),
        ('  """Terminal: the marketplace gave up on it"""\n  TIMED_OUT\n', ""),
        ("  account: String\n}", "  account: String!\n}"),
        ("union Batch = TrendyolBatch | ", "union Batch = "),
    ],
)
def test_what_would_break_clients_is_found(old: str, new: str) -> None:
    assert old in RELEASED
    assert broken(RELEASED, RELEASED.replace(old, new)) != []


def test_a_new_field_a_new_value_and_a_new_member_are_welcome() -> None:
    more = RELEASED.replace("  ratio: String\n", "  ratio: String\n  more: String\n").replace(
        "  TIMED_OUT\n", "  TIMED_OUT\n\n  PAUSED\n"
    )
    assert more != RELEASED
    assert broken(RELEASED, more) == []
