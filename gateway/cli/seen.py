"""One update of a watched batch as the command line sees it, whether it came from the core or from a gateway."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from adapters.model import Counts, Snapshot
from gateway.cli import exits, refs
from gateway.cli.exits import Exit
from gateway.core.updates import Update

FIELDS: Final = """
  ref { source batchId account }
  isFinal
  batch { ... on NormalizedBatch {
    status sourceStatus outcome isTerminal isConfirmed progress itemCount succeededCount failedCount pendingCount
  } }
  error { code message isRetryable }
"""
"""What is asked of a gateway for each update."""


class Seen(NamedTuple):
    """Where a batch stands, or what went wrong, or both."""

    ref: str
    is_final: bool
    status: str | None = None
    source_status: str | None = None
    outcome: str | None = None
    is_confirmed: bool = False
    progress: float | None = None
    counts: Counts = Counts()
    error_code: str | None = None
    error_message: str | None = None

    @property
    def exit(self) -> Exit:
        """The status that this would be the end with."""
        if self.error_code:
            return exits.of_code(self.error_code)
        return exits.of_state(self.status, self.outcome, self.counts.failed)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the names of the API."""
        error = {"code": self.error_code, "message": self.error_message} if self.error_code else None
        return {
            "ref": self.ref,
            "isFinal": self.is_final,
            "status": self.status,
            "sourceStatus": self.source_status,
            "outcome": self.outcome,
            "isConfirmed": self.is_confirmed,
            "progress": self.progress,
            "itemCount": self.counts.total,
            "succeededCount": self.counts.succeeded,
            "failedCount": self.counts.failed,
            "pendingCount": self.counts.pending,
            "error": error,
        }


def of_update(update: Update) -> Seen:
    """An update of the core."""
    seen = Seen(refs.of(update.ref), update.is_final)
    if update.reading is not None:
        seen = _with(seen, update.reading.snapshot)
    if update.error is not None:
        seen = seen._replace(error_code=update.error.code.value, error_message=update.error.message)
    return seen


def _with(seen: Seen, snapshot: Snapshot) -> Seen:
    return seen._replace(
        status=snapshot.status.value,
        source_status=snapshot.source_status,
        outcome=snapshot.outcome.value if snapshot.outcome else None,
        is_confirmed=snapshot.is_confirmed,
        progress=snapshot.progress,
        counts=snapshot.counts,
    )


def of_answer(update: dict[str, Any]) -> Seen:
    """An update of a gateway: `batchUpdates` with `FIELDS`."""
    ref, batch, error = update["ref"], update["batch"], update["error"]
    source = ref["source"].lower().replace("_", "-")
    seen = Seen(refs.written(source, ref["account"], ref["batchId"]), update["isFinal"])
    if batch:
        seen = seen._replace(
            status=batch["status"],
            source_status=batch["sourceStatus"],
            outcome=batch["outcome"],
            is_confirmed=batch["isConfirmed"],
            progress=batch["progress"],
            counts=Counts(batch["itemCount"], batch["succeededCount"], batch["failedCount"], batch["pendingCount"]),
        )
    if error:
        seen = seen._replace(error_code=error["code"], error_message=error["message"])
    return seen
