"""Exit statuses: what scripts see of the end of a command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from adapters.errors import BatchError, ErrorCode
from adapters.model import TERMINAL, ItemStatus, Outcome, Snapshot, Status


class Exit(IntEnum):
    """How a command ended. For several batches the worst counts: the largest number."""

    DONE = 0
    FAILED = 1
    """The batch or an item of it failed."""
    USAGE = 2
    """Wrong usage or configuration: nothing was asked, or nothing can be asked this way."""
    TIMEOUT = 3
    """The marketplace did not answer in time, or the batch did not end in time."""
    UNANSWERED = 4
    """The gateway or the marketplace could not answer."""


INTERRUPTED = 130
"""Ctrl-C, as shells say it: 128 + SIGINT."""
PIPE_CLOSED = 141
"""Whoever read the output went away: 128 + SIGPIPE."""

_OF_CODE = {
    ErrorCode.INVALID_REF.value: Exit.USAGE,
    ErrorCode.UNKNOWN_ACCOUNT.value: Exit.USAGE,
    ErrorCode.AMBIGUOUS_ACCOUNT.value: Exit.USAGE,
    ErrorCode.GAVE_UP.value: Exit.TIMEOUT,
    ErrorCode.UPSTREAM_TIMEOUT.value: Exit.TIMEOUT,
}
_ENDS = frozenset(status.value for status in TERMINAL)


def of_code(code: str) -> Exit:
    """The status for an error code of the API."""
    return _OF_CODE.get(code, Exit.UNANSWERED)


def of_error(error: BatchError) -> Exit:
    """The status for a batch that could not be read."""
    return of_code(error.code.value)


def of_state(status: str | None, outcome: str | None, failed: int | None) -> Exit:
    """The status for a batch that was read: one that is still running was asked about and answered, so it is DONE.

    An end without an outcome is FAILED where an item failed, or where the batch was cancelled: it was not done.
    """
    if outcome is not None:
        return Exit.DONE if outcome == Outcome.SUCCEEDED.value else Exit.FAILED
    has_failed = bool(failed) or status == Status.CANCELLED.value
    return Exit.FAILED if status in _ENDS and has_failed else Exit.DONE


def of_snapshot(snapshot: Snapshot) -> Exit:
    """The status for a batch that was read."""
    outcome = snapshot.outcome.value if snapshot.outcome else None
    listed = sum(head.status is ItemStatus.FAILED for head in snapshot.items.heads)
    return of_state(snapshot.status.value, outcome, snapshot.counts.failed or listed)


def worst(statuses: Iterable[Exit]) -> Exit:
    """The worst of several."""
    return max(statuses, default=Exit.DONE)
