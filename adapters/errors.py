"""Everything that can go wrong with one batch.

BatchError
 ├─ InvalidRef                the reference cannot be right
 ├─ UnknownAccount            no such account for this client
 ├─ AmbiguousAccount          several accounts would fit
 ├─ GaveUp                    watched up to its deadline without an end
 ├─ InternalError             a fault of the gateway
 └─ UpstreamError             a marketplace (or the way to it) said no
     ├─ NotFound              it does not know the batch
     ├─ Expired               it has forgotten the batch
     ├─ Unauthenticated       it refused the credentials
     ├─ Forbidden             it refused this account or address
     ├─ Rejected              it called the request wrong
     ├─ RateLimited           it throttles, or no call is left in the budget
     ├─ Unavailable           it cannot be reached or fails, or its breaker is open
     ├─ UpstreamTimeout       no answer in time
     └─ InvalidAnswer         not the answer of a marketplace

A class exists because a caller acts differently on it. Each carries facts, never a string to be parsed.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class ErrorCode(Enum):
    """The stable codes that clients see."""

    INVALID_REF = "INVALID_REF"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    AMBIGUOUS_ACCOUNT = "AMBIGUOUS_ACCOUNT"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    GAVE_UP = "GAVE_UP"
    UNAUTHENTICATED_UPSTREAM = "UNAUTHENTICATED_UPSTREAM"
    FORBIDDEN_UPSTREAM = "FORBIDDEN_UPSTREAM"
    REJECTED_UPSTREAM = "REJECTED_UPSTREAM"
    RATE_LIMITED = "RATE_LIMITED"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    UPSTREAM_TIMEOUT = "UPSTREAM_TIMEOUT"
    UPSTREAM_INVALID_ANSWER = "UPSTREAM_INVALID_ANSWER"
    INTERNAL = "INTERNAL"


class BatchError(Exception):
    """Base of all expected failures. `message` tells a person what to do; it never holds a secret."""

    code: ClassVar[ErrorCode] = ErrorCode.INTERNAL
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, source_message: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source_message = source_message
        """The marketplace's own words, where it sent any."""
        self.retry_after = retry_after
        """Seconds to wait before asking again, where known."""


class InvalidRef(BatchError):
    """The reference cannot be right: an empty or over-long id, control characters."""

    code = ErrorCode.INVALID_REF


class UnknownAccount(BatchError):
    """No account of that name and marketplace that this client may use."""

    code = ErrorCode.UNKNOWN_ACCOUNT


class AmbiguousAccount(BatchError):
    """Several accounts would fit: one has to be named."""

    code = ErrorCode.AMBIGUOUS_ACCOUNT


class GaveUp(BatchError):
    """The batch was watched up to its deadline without an end."""

    code = ErrorCode.GAVE_UP


class InternalError(BatchError):
    """A fault of the gateway; the message carries an id that stands in its log."""

    code = ErrorCode.INTERNAL


class UpstreamError(BatchError):
    """A marketplace, or the way to it, said no. `status` is the HTTP status where there was an answer."""

    def __init__(
        self,
        message: str,
        *,
        source_message: str | None = None,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, source_message=source_message, retry_after=retry_after)
        self.status = status


class NotFound(UpstreamError):
    """The marketplace does not know the batch."""

    code = ErrorCode.NOT_FOUND


class Expired(UpstreamError):
    """The marketplace has forgotten the batch, and the gateway never saw its end."""

    code = ErrorCode.EXPIRED


class Unauthenticated(UpstreamError):
    """The marketplace refused the account's credentials."""

    code = ErrorCode.UNAUTHENTICATED_UPSTREAM


class Forbidden(UpstreamError):
    """The marketplace refused this account or address."""

    code = ErrorCode.FORBIDDEN_UPSTREAM


class Rejected(UpstreamError):
    """The marketplace called the request wrong."""

    code = ErrorCode.REJECTED_UPSTREAM


class RateLimited(UpstreamError):
    """No call is left in the budget, or the marketplace throttles."""

    code = ErrorCode.RATE_LIMITED
    retryable = True


class Unavailable(UpstreamError):
    """The marketplace cannot be reached or fails, or its breaker is open."""

    code = ErrorCode.UPSTREAM_UNAVAILABLE
    retryable = True


class UpstreamTimeout(UpstreamError):
    """The marketplace did not answer in time."""

    code = ErrorCode.UPSTREAM_TIMEOUT
    retryable = True


class InvalidAnswer(UpstreamError):
    """Not the answer of a marketplace: HTML, broken JSON, another shape, another batch."""

    code = ErrorCode.UPSTREAM_INVALID_ANSWER
    retryable = True
