"""A reading as plain data, with the names and values of the API: what `--json` prints and tables are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.errors import BatchError
from adapters.model import BatchRef, Failure, Item, Snapshot, Text
from adapters.registry import MARKETPLACE_OF
from gateway.cli import refs
from gateway.core.state import Reading

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def batch(ref: BatchRef, reading: Reading) -> dict[str, Any]:
    """One batch with all its items. Payloads are the marketplace's own bytes (`msgspec.Raw`)."""
    snapshot = reading.snapshot
    return {
        **_identity(ref),
        **_state(snapshot),
        "fetchedAt": _time(reading.state.fetched_at),
        "isStale": reading.is_stale,
        "nextStep": _text(snapshot.next_step),
        "failureSummary": failure_summary(snapshot),
        "items": [item(one) for one in snapshot.items],
        "isComplete": snapshot.items.is_complete,
        "payload": msgspec.Raw(snapshot.payload),
    }


def failed(ref: BatchRef, error: BatchError) -> dict[str, Any]:
    """A batch that could not be read."""
    return {
        **_identity(ref),
        "error": {
            "code": error.code.value,
            "message": error.message,
            "sourceMessage": error.source_message,
            "isRetryable": error.retryable,
            "retryAfter": error.retry_after,
        },
    }


def _identity(ref: BatchRef) -> dict[str, Any]:
    return {
        "ref": refs.of(ref),
        "marketplace": MARKETPLACE_OF[ref.source].upper(),
        "source": ref.source.upper().replace("-", "_"),
        "account": ref.account,
        "batchId": ref.id,
    }


def _state(snapshot: Snapshot) -> dict[str, Any]:
    counts = snapshot.counts
    return {
        "operation": snapshot.operation.value,
        "status": snapshot.status.value,
        "sourceStatus": snapshot.source_status,
        "outcome": snapshot.outcome.value if snapshot.outcome else None,
        "isTerminal": snapshot.is_terminal,
        "isConfirmed": snapshot.is_confirmed,
        "progress": snapshot.progress,
        "itemCount": counts.total,
        "succeededCount": counts.succeeded,
        "failedCount": counts.failed,
        "pendingCount": counts.pending,
        "createdAt": _time(snapshot.created_at),
        "updatedAt": _time(snapshot.updated_at),
        "completedAt": _time(snapshot.completed_at),
        "expiresAt": _time(snapshot.expires_at),
    }


def item(one: Item) -> dict[str, Any]:
    """One item, with what was submitted where the marketplace echoes it."""
    return {
        "index": one.index,
        "key": one.key,
        "title": one.title,
        "status": one.status.value,
        "sourceStatus": one.source_status,
        "failures": [_failure(failure) for failure in one.failures],
        "nextStep": _text(one.next_step),
        "payload": msgspec.Raw(one.payload) if one.payload is not None else None,
    }


def failure_summary(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The failures by reason, as `Items.reasons` counts them."""
    return [{**_failure(failure), "count": count} for failure, count in snapshot.items.reasons()]


def _failure(failure: Failure) -> dict[str, Any]:
    return {"code": failure.code, "message": failure.message, "explanation": _text(failure.explanation)}


def _text(text: Text | None) -> dict[str, str] | None:
    return None if text is None else {"en": text.en, "tr": text.tr}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def as_json(value: Any) -> str:
    """As JSON for people and scripts; payloads keep their numbers as they were written."""
    return msgspec.json.format(_ENCODER.encode(value), indent=2).decode()
