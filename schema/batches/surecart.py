"""SureCart in the API."""

from __future__ import annotations

from functools import partial
from typing import Any

import strawberry

from adapters import model
from schema.batch import AccountArgument, Face, MaxAge, NormalizedBatch, Told, shared, shown, told
from schema.context import Info
from schema.items import NormalizedBatchItem
from schema.items import shared as shared_of_item
from schema.reading import read
from schema.scalars import JSON, raw_json

BATCH = "surecart-batch"
OPERATION = "surecart-operation"


@strawberry.type(description="A batch of SureCart API calls")
class SureCartBatch(NormalizedBatch):
    """`/v1/batches/{id}` with all its operations."""

    object: str | None
    batch_operations_count: int | None
    finished_batch_operations_count: int | None


@strawberry.type(description="One API call of a SureCart batch, which is a batch of one item, itself")
class SureCartBatchOperation(NormalizedBatch):
    """`/v1/batch_operations/{id}`, or embedded in its batch."""

    own: strawberry.Private[Any]
    object: str | None
    http_method: str | None
    path: str | None
    response_status: int | None
    parent_batch_id: str | None

    @strawberry.field
    def query_params(self) -> JSON | None:
        """As submitted."""
        return raw_json(self.own.query_params)

    @strawberry.field
    def body(self) -> JSON | None:
        """As submitted."""
        return raw_json(self.own.body)

    @strawberry.field
    def response_body(self) -> JSON | None:
        """As SureCart answered the call."""
        return raw_json(self.own.response_body)

    @strawberry.field(description="The batch that it belongs to, resolved through the same cache")
    async def batch(self, info: Info) -> SureCartBatch | None:
        """The batch around the operation."""
        if self.parent_batch_id is None:
            return None
        reading = await read(info, BATCH, self.parent_batch_id, self.account, None)
        return shown(reading.snapshot, told(reading), _batch)


@strawberry.type(description="One operation as an item of its SureCart batch")
class SureCartItem(NormalizedBatchItem):
    """One embedded operation."""

    facts: strawberry.Private[Told]

    @strawberry.field(description="Embedded in the batch: no further call")
    def batch_operation(self) -> SureCartBatchOperation:
        """The operation, whole."""
        operation: Any = self.item.own
        return shown(operation, self.facts, _operation)


def _item(facts: Told, item: model.Item) -> SureCartItem:
    return SureCartItem(**shared_of_item(item), facts=facts)  # type: ignore[arg-type]


def _batch(snapshot: model.Snapshot, facts: Told) -> SureCartBatch:
    own: Any = snapshot.own
    return SureCartBatch(
        **shared(snapshot, facts, partial(_item, facts), facts),
        object=own.object,
        batch_operations_count=own.batch_operations_count,
        finished_batch_operations_count=own.finished_batch_operations_count,
    )


def _operation(snapshot: model.Snapshot, facts: Told) -> SureCartBatchOperation:
    own: Any = snapshot.own
    return SureCartBatchOperation(
        **shared(snapshot, facts, partial(_item, facts), facts),
        own=own,
        object=own.object,
        http_method=own.http_method,
        path=own.path,
        response_status=own.response_status,
        parent_batch_id=own.parent_batch_id,
    )


def view(snapshot: model.Snapshot, facts: Told) -> NormalizedBatch:
    """The API's object of a SureCart snapshot of either source."""
    return _batch(snapshot, facts) if snapshot.source == BATCH else _operation(snapshot, facts)


@strawberry.type
class SureCartQuery:
    """The typed doors."""

    @strawberry.field(description="One SureCart batch: no fragments needed")
    async def surecart_batch(
        self, info: Info, id: str, account: AccountArgument = None, max_age: MaxAge = None
    ) -> SureCartBatch | None:
        """One SureCart batch."""
        reading = await read(info, BATCH, id, account, max_age)
        return shown(reading.snapshot, told(reading), _batch)

    @strawberry.field(description="One operation of a SureCart batch: no fragments needed")
    async def surecart_batch_operation(
        self, info: Info, id: str, account: AccountArgument = None, max_age: MaxAge = None
    ) -> SureCartBatchOperation | None:
        """One SureCart operation."""
        reading = await read(info, OPERATION, id, account, max_age)
        return shown(reading.snapshot, told(reading), _operation)


FACE = Face("surecart", (SureCartBatch, SureCartBatchOperation), (SureCartItem,), SureCartQuery, view)
