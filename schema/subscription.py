"""What can be watched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

import strawberry

from adapters import model
from adapters.errors import BatchError
from gateway.core.state import changed_items
from gateway.core.updates import Detail, Update
from schema.batch import NormalizedBatch
from schema.context import Info
from schema.items import NormalizedBatchItem, check_first
from schema.query import check_references
from schema.registry import view
from schema.results import Batch, BatchErrorInfo, BatchRef, BatchReference
from schema.watching import Beginning, Watching


@strawberry.type(
    description="The same for every subscriber, so that it is made once; only the first update of a stream differs: "
    "it has no `previousVersion`."
)
class BatchUpdate:
    """One step of a watched batch."""

    ref: BatchReference
    batch: Batch | None
    error: BatchErrorInfo | None
    version: str = strawberry.field(
        description="Names this state of the batch, the same on every stream and transport; opaque, but later states "
        "sort after earlier ones"
    )
    previous_version: str | None = strawberry.field(
        description="The state before; null on the first update of a stream. A client whose last version is another "
        "one was slower than the changes and was given the newest state only: read the items anew instead of applying "
        "`changedItems`"
    )
    previous_status: model.Status | None
    is_final: bool = strawberry.field(description="True on the last update of this batch")
    update: strawberry.Private[Update | None] = None

    @property
    def share_key(self) -> int | None:
        """Equal for all subscribers of one operation: the engine executes and encodes such an event once."""
        return self.update.number if self.update is not None else None

    @strawberry.field(
        description="The items that differ from the previous version (on the first update: all), at most `first`"
    )
    def changed_items(self, first: int = 50) -> Sequence[NormalizedBatchItem]:
        """The changed items."""
        check_first(first)
        update, batch = self.update, self.batch
        if update is None or update.reading is None or not isinstance(batch, NormalizedBatch) or update.error:
            return []
        old = update.previous.snapshot if update.previous is not None else None
        return batch.views.at(changed_items(old, update.reading.snapshot)[:first])

    @staticmethod
    def of(update: Update) -> BatchUpdate:
        """An update as the API shows it."""
        previous = update.previous
        return BatchUpdate(
            ref=BatchReference.resolved(update.ref),
            batch=view(update.reading) if update.reading is not None else None,
            error=BatchErrorInfo.of(update.error) if update.error is not None else None,
            version=update.version,
            previous_version=previous.version if previous is not None else None,
            previous_status=previous.snapshot.status if previous is not None else None,
            is_final=update.is_final,
            update=update,
        )

    @staticmethod
    def refused(ref: BatchRef, error: BatchError) -> BatchUpdate:
        """The only update of a reference that cannot be resolved."""
        return BatchUpdate(
            ref=BatchReference.asked(ref),
            batch=None,
            error=BatchErrorInfo.of(error),
            version="0",
            previous_version=None,
            previous_status=None,
            is_final=True,
        )


@strawberry.type
class Subscription:
    """The streams."""

    @strawberry.subscription(
        description="The current state of each batch at once, then every change, until each has reached a terminal "
        "state; then the subscription completes. An upstream failure does not end it: the update carries `error`, and "
        "the watch goes on while the failure can pass. After a reconnect, subscribe again: the first updates are the "
        "current states."
    )
    async def batch_updates(
        self, info: Info, refs: list[BatchRef], detail: Detail = Detail.PROGRESS
    ) -> AsyncIterator[BatchUpdate]:
        """Watch batches to their end."""
        return Watching(partial(_begin, info, refs, detail), BatchUpdate.of)


async def _begin(info: Info, refs: list[BatchRef], detail: Detail) -> Beginning[BatchUpdate]:
    """What is told at once of references that cannot be watched, and the stream of the others."""
    check_references(info, len(refs))
    context = info.context
    refused: list[BatchUpdate] = []
    full: list[model.BatchRef] = []
    for ref in refs:
        try:
            full.append(context.batches.resolve(str(ref.source.value), ref.id, ref.account, context.scope))
        except BatchError as error:
            refused.append(BatchUpdate.refused(ref, error))
    return refused, await context.watches.subscribe(full, detail) if full else None
