"""The failed items of one or several batches, as a file to correct and to send again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from adapters.model import BatchRef, Item, ItemStatus, Snapshot
from gateway.cli import present
from gateway.cli.cells import cell, flat, neutral

_COLUMNS: Final = (
    "source",
    "account",
    "batch_id",
    "index",
    "key",
    "title",
    "code",
    "message",
    "explanation_en",
    "explanation_tr",
)
BOM: Final = "\ufeff"


class FailedItem(NamedTuple):
    """One failed item and the batch that it is of."""

    ref: BatchRef
    item: Item


def failed_items(ref: BatchRef, snapshot: Snapshot) -> Iterator[FailedItem]:
    """The failed items of a batch, in their order."""
    for index, head in enumerate(snapshot.items.heads):
        if head.status is ItemStatus.FAILED:
            yield FailedItem(ref, snapshot.items[index])


def as_json(items: Iterable[FailedItem]) -> str:
    """A JSON list; each item's payload stays whole."""
    return present.as_json([_row(item) for item in items])


def _row(failed: FailedItem) -> dict[str, Any]:
    ref = failed.ref
    shown = present.item(failed.item)
    kept = {key: shown[key] for key in ("index", "key", "title", "failures", "nextStep", "payload")}
    return {"source": ref.source, "account": ref.account, "batchId": ref.id, **kept}


def as_csv(items: Iterable[FailedItem], delimiter: str = ",") -> str:
    """One line per item, all cells quoted: a spreadsheet that expects another delimiter tears none apart.

    Of an item that failed for several reasons, each has its own line within the cells.
    """
    rows = [(_cells(failed), flat(failed.item.payload, "payload")) for failed in items]
    submitted = list(dict.fromkeys(name for _, payload in rows for name in payload))
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([*_COLUMNS, *map(neutral, submitted)])
    for cells, payload in rows:
        writer.writerow([*cells, *(payload.get(name, "") for name in submitted)])
    return text.getvalue()


def _cells(failed: FailedItem) -> list[str]:
    ref, item = failed
    reasons = item.failures
    explanations = [reason.explanation for reason in reasons]
    return [
        *map(neutral, (ref.source, ref.account, ref.id)),
        str(item.index),
        cell(item.key),
        cell(item.title),
        _lines(reason.code for reason in reasons),
        _lines(reason.message for reason in reasons),
        _lines(text.en if text else None for text in explanations),
        _lines(text.tr if text else None for text in explanations),
    ]


def _lines(parts: Iterable[str | None]) -> str:
    texts = [part or "" for part in parts]
    return neutral("\n".join(texts)) if any(texts) else ""
