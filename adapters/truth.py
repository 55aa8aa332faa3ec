"""What a batch's words and items add up to: counts, outcome, progress. The same rules on every marketplace.

The rules and their grounds are told in docs/truth.md, row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from adapters.model import NO_COUNTS, TERMINAL, Counts, ItemHead, ItemStatus, Outcome, Status

_LARGEST: Final = 2**31 - 1
"""The API's `Int` holds no larger count."""


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Listed items by where they stand."""

    succeeded: int = 0
    failed: int = 0
    pending: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """All listed items."""
        return self.succeeded + self.failed + self.pending + self.unknown

    @property
    def is_open(self) -> bool:
        """True while an item has not ended, or nobody can tell."""
        return bool(self.pending or self.unknown)


class Verdict(msgspec.Struct, frozen=True):
    """What follows from a status and its items."""

    counts: Counts
    outcome: Outcome | None
    progress: float | None
    is_settled: bool


def tally(heads: Sequence[ItemHead]) -> Tally:
    """Count the listed items."""
    count = [head.status for head in heads].count
    return Tally(
        count(ItemStatus.SUCCEEDED), count(ItemStatus.FAILED), count(ItemStatus.PENDING), count(ItemStatus.UNKNOWN)
    )


def judge(status: Status, listed: Tally, declared: Counts = NO_COUNTS, *, all_listed: bool) -> Verdict:
    """Counts, outcome and progress of a batch.

    `declared` are the marketplace's own counters, which count where not all items are listed. Progress is the part of
    the items that has ended; it may be 1 while the marketplace still says that it works on the batch.
    """
    counts = _counts(status, listed, declared, all_listed=all_listed)
    return Verdict(
        counts=counts,
        outcome=_outcome(status, listed, counts),
        progress=_progress(status, listed, counts),
        is_settled=status not in TERMINAL or not listed.is_open,
    )


def _counts(status: Status, listed: Tally, declared: Counts, *, all_listed: bool) -> Counts:
    if all_listed:
        return Counts(listed.total, listed.succeeded, listed.failed, listed.pending)
    counts = _sane(declared)
    if status is not Status.COMPLETED or listed.is_open or counts.pending:
        return counts
    return _sane(_completed(counts, listed))


def _sane(counts: Counts) -> Counts:
    """Parts that are more than the whole contradict it, so that they are not told."""
    total, succeeded, failed, pending = counts
    if total is None or (succeeded or 0) + (failed or 0) + (pending or 0) <= total:
        return counts
    return Counts(total)


def _completed(counts: Counts, listed: Tally) -> Counts:
    """In a completed batch every item has ended: two of total, succeeded and failed give the third.

    Nothing is derived from counters that the listed items contradict.
    """
    total, succeeded, failed, _ = counts
    if listed.succeeded > (succeeded or listed.succeeded) or listed.failed > (
        listed.failed if failed is None else failed
    ):
        return counts
    if total is None and succeeded is not None and failed is not None:
        total = succeeded + failed if succeeded + failed <= _LARGEST else None
    elif total is not None and succeeded is None and failed is not None:
        succeeded = total - failed
    elif total is not None and failed is None and succeeded is not None:
        failed = total - succeeded
    is_whole = total is not None and succeeded is not None and failed is not None and total == succeeded + failed
    return Counts(total, succeeded, failed, 0 if is_whole else counts.pending)


def _outcome(status: Status, listed: Tally, counts: Counts) -> Outcome | None:
    succeeded = listed.succeeded + (counts.succeeded or 0) > 0
    if status is Status.FAILED or status is Status.TIMED_OUT:
        return Outcome.PARTIALLY_SUCCEEDED if succeeded else Outcome.FAILED
    if status is Status.CANCELLED:
        return _cancelled(listed)
    if status is not Status.COMPLETED or listed.pending or counts.pending:
        return None
    if succeeded and listed.failed + (counts.failed or 0) > 0:
        return Outcome.PARTIALLY_SUCCEEDED
    if listed.unknown or not _adds_up(counts):
        return None
    return Outcome.SUCCEEDED if succeeded else Outcome.FAILED


def _adds_up(counts: Counts) -> bool:
    """True where every item of the batch is known to have succeeded or failed, and there is one."""
    if not counts.total or counts.succeeded is None or counts.failed is None:
        return False
    return counts.succeeded + counts.failed == counts.total


def _cancelled(listed: Tally) -> Outcome | None:
    """By its items alone. What was still pending will not be done any more; nothing is said over unknown items."""
    unsuccessful = listed.failed + listed.pending
    if listed.succeeded and unsuccessful:
        return Outcome.PARTIALLY_SUCCEEDED
    if listed.unknown or not listed.total:
        return None
    return Outcome.SUCCEEDED if listed.succeeded else Outcome.FAILED


def _progress(status: Status, listed: Tally, counts: Counts) -> float | None:
    ended = listed.succeeded + listed.failed
    if counts.succeeded is not None and counts.failed is not None:
        ended = counts.succeeded + counts.failed
    elif counts.total is not None and counts.pending is not None:
        ended = counts.total - counts.pending
    elif not listed.total:
        return 1.0 if status is Status.COMPLETED else None
    total = counts.total or listed.total
    if not total:
        return 1.0 if status is Status.COMPLETED else None
    return min(1.0, ended / total)


def confirmed(status: Status, listed: Tally, declared: Counts, *times: datetime | None) -> bool:
    """True where the marketplace told something that only a real batch has: an item, a time, a count, an end.

    A count of 0 confirms nothing: Trendyol is reported to answer unknown ids as batches in process, without an item.
    """
    return status in TERMINAL or listed.total > 0 or any(declared) or any(times)
