"""Batches with their failures as data: what lists and streams are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Union

import strawberry

from adapters import errors
from adapters.model import BatchRef as FullRef
from gateway.core.batches import Look
from schema.batch import NormalizedBatch
from schema.enums import BatchSource
from schema.registry import FACES, view

if TYPE_CHECKING:
    Batch = NormalizedBatch
else:
    Batch = Annotated[
        Union[tuple(member for face in FACES.values() for member in face.batches)],  # noqa: UP007 - made at run time
        strawberry.union(
            "Batch",
            description="A batch as one marketplace keeps it. Every member implements `NormalizedBatch`, so one "
            "fragment, `... on NormalizedBatch { status outcome failedCount }`, reads the shared fields of all of "
            "them.",
        ),
    ]


@strawberry.input(
    description="What the client asks for. `account` may be left out where the client may use exactly one account of "
    "that marketplace."
)
class BatchRef:
    """A reference as clients write it."""

    source: BatchSource
    id: str
    account: str | None = None


@strawberry.type(description="What was asked for, with the account that it was resolved to")
class BatchReference:
    """A reference as answers show it."""

    source: BatchSource
    batch_id: str
    account: str | None

    @staticmethod
    def asked(ref: BatchRef) -> BatchReference:
        """A reference that could not be resolved."""
        return BatchReference(source=ref.source, batch_id=ref.id, account=None)

    @staticmethod
    def resolved(ref: FullRef) -> BatchReference:
        """A reference with its account."""
        return BatchReference(source=BatchSource(ref.source), batch_id=ref.id, account=ref.account)


@strawberry.type(
    name="BatchError",
    description="A failure as data: the same code that a GraphQL error carries in `extensions.code`",
)
class BatchErrorInfo:
    """A failure of one batch."""

    code: errors.ErrorCode
    message: str = strawberry.field(description="Words that tell a person what to do")
    source_message: str | None = strawberry.field(description="The marketplace's own words, where it sent any")
    is_retryable: bool
    retry_after: float | None = strawberry.field(description="Seconds")

    @staticmethod
    def of(error: errors.BatchError) -> BatchErrorInfo:
        """The failure as the API shows it."""
        return BatchErrorInfo(
            code=error.code,
            message=error.message,
            source_message=error.source_message,
            is_retryable=error.retryable,
            retry_after=error.retry_after,
        )


@strawberry.type(
    description="At least one of `batch` and `error` is set; both where a last known state is shown beside a failure."
)
class BatchResult:
    """One entry of a list of batches."""

    ref: BatchReference
    batch: Batch | None
    error: BatchErrorInfo | None

    @staticmethod
    def of(ref: FullRef, look: Look) -> BatchResult:
        """What is known of a batch, as the API shows it."""
        return BatchResult(
            ref=BatchReference.resolved(ref),
            batch=view(look.reading) if look.reading is not None else None,
            error=BatchErrorInfo.of(look.error) if look.error is not None else None,
        )

    @staticmethod
    def refused(ref: BatchRef, error: errors.BatchError) -> BatchResult:
        """A reference that could not be resolved."""
        return BatchResult(ref=BatchReference.asked(ref), batch=None, error=BatchErrorInfo.of(error))
