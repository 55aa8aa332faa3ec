"""Batches as tables for people. Whatever a marketplace wrote is shown without control characters and markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli import present, refs
from gateway.cli.failed import FailedItem
from gateway.core.watched import UNCONFIRMED

_SHOWN: Final = 20
"""Items listed below a batch; files and `--json` hold all."""
_STYLES: Final = {
    "COMPLETED": "green",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "PARTIALLY_SUCCEEDED": "yellow",
    "TIMED_OUT": "red",
    "CANCELLED": "yellow",
    "UNKNOWN": "magenta",
}


def plain(value: Any) -> Text:
    """A value as text that can do nothing to a terminal."""
    text = "" if value is None else str(value)
    return Text(
        "".join(c if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"} else "\ufffd" for c in text)
    )


def _state(value: str | None) -> Text:
    return Text(value or "", style=_STYLES.get(value or "", ""))


def batch(shown: dict[str, Any]) -> Group:
    """One batch: its state, its failures by reason, its first items."""
    parts: list[RenderableType] = [plain(shown["ref"]), _facts(shown)]
    if shown["failureSummary"]:
        parts += [Text("\nfailures", style="bold"), _failures(shown["failureSummary"])]
    if shown["items"]:
        parts += [Text("\nitems", style="bold"), _items(shown["items"][:_SHOWN])]
        more = len(shown["items"]) - _SHOWN
        if more > 0:
            parts.append(Text(f"… and {more:,} more: --json shows all, --failed those that failed"))
    return Group(*parts)


def _facts(shown: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in _lines(shown):
        table.add_row(f"  {name}", value)
    return table


def _lines(shown: dict[str, Any]) -> Iterator[tuple[str, Text]]:
    word = shown["sourceStatus"]
    status = _state(shown["status"])
    yield "status", status + plain(f"  ({word})") if word and word.upper() != shown["status"] else status
    yield "outcome", _state(shown["outcome"]) if shown["outcome"] else Text("not yet")
    yield "operation", plain(shown["operation"])
    if shown["progress"] is not None:
        yield "progress", plain(f"{shown['progress'] * 100:.0f} %")
    yield "counts", plain(counts(shown))
    for name in ("createdAt", "updatedAt", "completedAt", "expiresAt", "fetchedAt"):
        if shown[name]:
            yield name.removesuffix("At"), plain(shown[name])
    if shown["isStale"]:
        yield "stale", Text("the marketplace could not be asked in time: this is the last known state", style="yellow")
    if shown["nextStep"]:
        yield "next step", plain(shown["nextStep"]["en"])
    if not shown["isConfirmed"] and not shown["isTerminal"]:
        yield "unconfirmed", Text(UNCONFIRMED, style="yellow")


def counts(shown: dict[str, Any]) -> str:
    """Numbers of items, as far as the marketplace tells them."""
    told = {
        "items": shown["itemCount"],
        "succeeded": shown["succeededCount"],
        "failed": shown["failedCount"],
        "pending": shown["pendingCount"],
    }
    return ", ".join(f"{number:,} {name}" for name, number in told.items() if number is not None) or "not told"


def _failures(groups: Iterable[dict[str, Any]]) -> Table:
    table = _table("items", "code", "message", "what it means")
    for group in groups:
        explanation = group["explanation"]["en"] if group["explanation"] else None
        table.add_row(f"{group['count']:,}", plain(group["code"]), plain(group["message"]), plain(explanation))
    return table


def failed(found: Iterable[FailedItem]) -> Table:
    """Failed items of several batches, one row each."""
    table = _table("batch", "index", "key", "title", "why")
    for ref, item in found:
        reasons = "; ".join(map(_reason, present.item(item)["failures"]))
        table.add_row(plain(refs.of(ref)), str(item.index), plain(item.key), plain(item.title), plain(reasons))
    return table


def _items(rows: Iterable[dict[str, Any]]) -> Table:
    table = _table("index", "key", "title", "status", "why")
    for row in rows:
        reasons = (_reason(failure) for failure in row["failures"])
        table.add_row(
            str(row["index"]), plain(row["key"]), plain(row["title"]), _state(row["status"]), plain("; ".join(reasons))
        )
    return table


def _reason(failure: dict[str, Any]) -> str:
    told = ": ".join(part for part in (failure["code"], failure["message"]) if part)
    return told or (failure["explanation"]["en"] if failure["explanation"] else "")


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=True, header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
