"""What a batch shares on every marketplace, and how a marketplace's own type is made known."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeVar, cast

import strawberry

from adapters import model
from adapters.registry import MARKETPLACE_OF
from gateway.core.state import Reading
from schema.enums import BatchSource, Language, Marketplace
from schema.failures import FailureGroup, say
from schema.items import SHOWN, BatchItemConnection, ItemViews, View, views_of
from schema.node import GlobalId, Node, encode
from schema.scalars import JSON, raw_json

Shown = TypeVar("Shown", bound="NormalizedBatch")


@strawberry.interface(description="The fields that mean the same on every marketplace.")
class NormalizedBatch(Node):
    """What a batch shares on every marketplace."""

    marketplace: Marketplace
    source: BatchSource
    account: str = strawberry.field(description="The configured seller account that it was read with")
    batch_id: str = strawberry.field(description="The marketplace's own id of the batch")
    operation: model.Operation
    status: model.Status
    source_status: str | None = strawberry.field(
        description="The marketplace's own word; null where it sends none (Trendyol price and stock batches)"
    )
    outcome: model.Outcome | None = strawberry.field(
        description="Null until the state is terminal, or where the marketplace tells too little to say"
    )
    is_terminal: bool = strawberry.field(
        description="True once the marketplace has finished with the batch: watching it ends here"
    )
    is_confirmed: bool = strawberry.field(
        description="False while the marketplace has said nothing that only a real batch could have (no item, no "
        "time, no count): the id may be mistyped, of another account, or just submitted"
    )
    progress: float | None = strawberry.field(description="0 to 1; null where the marketplace tells too little to say")
    item_count: int | None = strawberry.field(
        description="Counts are null where the marketplace does not tell them; they are never guessed"
    )
    succeeded_count: int | None
    failed_count: int | None
    pending_count: int | None
    created_at: datetime | None = strawberry.field(description="All times are UTC")
    updated_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime | None = strawberry.field(
        description="When the marketplace forgets the batch, where that is known (Trendyol: 4 hours after its creation)"
    )
    fetched_at: datetime = strawberry.field(description="When the gateway read this state from the marketplace")
    is_stale: bool = strawberry.field(
        description="True where the marketplace could not be asked again in time and this is the last known state"
    )

    @strawberry.field(description="Global id, for `node(id:)` and for client caches")
    def id(self) -> strawberry.ID:
        """The global id."""
        return encode(GlobalId(str(self.source.value), self.account, self.batch_id))

    own_next_step: strawberry.Private[model.Text | None]
    own_payload: strawberry.Private[bytes]
    views: strawberry.Private[ItemViews]

    @strawberry.field(description="`first` is at most 1,000; `search` finds items by a part of key or title")
    def items(
        self,
        first: int = 50,
        after: str | None = None,
        status: model.ItemStatus | None = None,
        search: str | None = None,
    ) -> BatchItemConnection:
        """One page of the items."""
        return self.views.page(first, after, status, search)

    @strawberry.field(description="The failures by reason, most frequent first")
    def failure_summary(self) -> list[FailureGroup]:
        """The failures by reason."""
        return self.views.failures()

    @strawberry.field(
        description="What the seller still has to do after this state, where the marketplace asks for it (idefix: "
        "approve in the panel)"
    )
    def next_step(self, language: Language = Language.EN) -> str | None:
        """What is left to the seller."""
        return say(self.own_next_step, language)

    @strawberry.field(
        description="The marketplace's answer, untouched (SureCart: with the operations of all pages); large for "
        "large batches"
    )
    def payload(self) -> JSON | None:
        """The answer's JSON."""
        return raw_json(self.own_payload)


_PLACES: Final = {source: (Marketplace(place), BatchSource(source)) for source, place in MARKETPLACE_OF.items()}


class Told(NamedTuple):
    """What the gateway adds to a snapshot: whose it is, when it was read, whether it is the last known one only."""

    account: str
    fetched_at: datetime
    is_stale: bool


def shared(snapshot: model.Snapshot, told: Told, view: View, key: Hashable = None) -> dict[str, Any]:
    """The shared fields of a batch, for the constructor of its type. `key` names what `view` adds to an item."""
    counts = snapshot.counts
    marketplace, source = _PLACES[snapshot.source]
    return {
        "marketplace": marketplace,
        "source": source,
        "account": told.account,
        "batch_id": snapshot.id,
        "operation": snapshot.operation,
        "status": snapshot.status,
        "source_status": snapshot.source_status,
        "outcome": snapshot.outcome,
        "is_terminal": snapshot.is_terminal,
        "is_confirmed": snapshot.is_confirmed,
        "progress": snapshot.progress,
        "item_count": counts.total,
        "succeeded_count": counts.succeeded,
        "failed_count": counts.failed,
        "pending_count": counts.pending,
        "created_at": snapshot.created_at,
        "updated_at": snapshot.updated_at,
        "completed_at": snapshot.completed_at,
        "expires_at": snapshot.expires_at,
        "fetched_at": told.fetched_at,
        "is_stale": told.is_stale,
        "own_next_step": snapshot.next_step,
        "own_payload": snapshot.payload,
        "views": views_of(snapshot, view, key),
    }


@dataclass(frozen=True, slots=True)
class Face:
    """How one marketplace shows itself in the API."""

    marketplace: str
    batches: tuple[type[NormalizedBatch], ...]
    """Its members of the union `Batch`."""
    others: tuple[type, ...]
    """Its item types and whatever else only interfaces lead to."""
    query: type
    """Its typed doors, merged into `Query`."""
    view: Callable[[model.Snapshot, Told], NormalizedBatch]
    """The API's object of a snapshot."""


AccountArgument = Annotated[
    str | None, strawberry.argument(description="May be left out where only one account would fit")
]
MaxAge = Annotated[int | None, strawberry.argument(description="Accept an answer this many seconds old")]


def told(reading: Reading) -> Told:
    """What the gateway adds to the snapshot of a reading."""
    return Told(reading.state.ref.account, reading.state.fetched_at, reading.is_stale)


def shown(snapshot: model.Snapshot, facts: Told, show: Callable[[model.Snapshot, Told], Shown]) -> Shown:
    """The API's object of a snapshot, kept for the same facts from the second time on.

    Most are looked at once, and what is kept of thousands is memory that the garbage collector walks through.
    `show` is always the same for a snapshot. The object must not lead back to the snapshot: nothing would free such a
    circle.
    """
    kept = snapshot.memo.get(SHOWN)
    if isinstance(kept, tuple) and kept[0] == facts:
        return cast("Shown", kept[1])
    made = show(snapshot, facts)
    snapshot.memo[SHOWN] = None if SHOWN not in snapshot.memo else (facts, made)
    return made
