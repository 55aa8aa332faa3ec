"""What may be tried again, when, and how often: pure arithmetic, no clock of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from adapters.errors import BatchError, RateLimited, Unavailable

_SECONDS: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_FIRST_BACKOFF: Final = 0.25
_LONGEST_BACKOFF: Final = 4.0
_RESERVE: Final = 10.0
"""Retries that a quiet account may spend at once, and the most that a busy one saves up."""


def can_pass(error: BatchError) -> bool:
    """True where the same question may be answered a moment later.

    All requests are reads, so every one is safe to repeat. A timeout has spent the time that a retry would need; an
    answer of a wrong shape, refused credentials or an unknown batch will be the same again.
    """
    return isinstance(error, (Unavailable, RateLimited)) and error.retryable


def backoff(attempt: int, retry_after: float | None, chance: float) -> float:
    """Seconds before retry number `attempt` (from 1). `chance` in [0, 1) spreads callers that failed together.

    What the marketplace asked for is the least, never shortened.
    """
    step = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** (attempt - 1))
    return (retry_after or 0.0) + step * (0.5 + chance / 2)


def retry_after(value: str | None, now: datetime, date: str | None, longest: float) -> float | None:
    """Seconds that a `Retry-After` asks for, or None where there is none or it cannot be read.

    Both forms of RFC 9110 section 10.2.3: seconds, and an HTTP-date. A date is taken against the answer's own `Date`
    where it has one, so that a wrong clock on either side does no harm. A past date is 0; more than `longest` is cut.
    """
    if value is None:
        return None
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), longest)
    then = _http_date(text)
    if then is None:
        return None
    seconds = (then - (_http_date(date or "") or now)).total_seconds()
    return min(max(0.0, seconds), longest)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # the old form (asctime) has no zone: the RFC says that it is UTC
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class RetryBudget:
    """Retries as a share of calls, so that an upstream in trouble is not asked thrice as much.

    Every call earns `share` of a retry, up to a reserve that is there from the start.
    """

    __slots__ = ("_saved", "_share")

    def __init__(self, share: float) -> None:
        self._share = share
        self._saved = _RESERVE if share > 0 else 0.0

    def earn(self) -> None:
        """A first try was made."""
        self._saved = min(_RESERVE, self._saved + self._share)

    def spend(self) -> bool:
        """Take one retry; False where none is left."""
        if self._saved < 1.0 - 1e-6:  # tenths do not add up exactly
            return False
        self._saved -= 1.0
        return True
