"""What can be asked."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated

import strawberry

from adapters.errors import BatchError
from adapters.model import BatchRef as FullRef
from gateway.core.batches import Look
from schema import marketplaces as info_of
from schema.batch import MaxAge, NormalizedBatch
from schema.context import Info
from schema.enums import AwaitUntil
from schema.errors import BadUserInput
from schema.node import Node, decode
from schema.reading import check_max_age, read
from schema.registry import view
from schema.results import Batch, BatchRef, BatchResult

Timeout = Annotated[float, strawberry.argument(description="Seconds to wait at most; capped by a setting")]


@strawberry.type
class BatchQuery:
    """Doors to all marketplaces."""

    @strawberry.field(description="One batch. Null with an error whose `extensions.code` is a `BatchErrorCode`")
    async def batch(self, info: Info, ref: BatchRef, max_age: MaxAge = None) -> Batch | None:
        """One batch."""
        return view(await read(info, str(ref.source.value), ref.id, ref.account, max_age))

    @strawberry.field(
        description="Many batches at once, fetched concurrently, in the order asked; one that fails does not spoil "
        "the others"
    )
    async def batches(self, info: Info, refs: list[BatchRef], max_age: MaxAge = None) -> list[BatchResult] | None:
        """Many batches."""
        check_max_age(max_age)
        check_references(info, len(refs))
        found = [_at_hand(info, ref, max_age) for ref in refs]
        missing = [_looked_up(info, each, max_age) for each in found if not isinstance(each, BatchResult)]
        looked_up = iter(await asyncio.gather(*missing) if missing else ())
        return [each if isinstance(each, BatchResult) else next(looked_up) for each in found]

    @strawberry.field(
        description="Answers when the batch has reached a terminal state, or at the timeout (seconds, capped by a "
        "setting) with the latest state: a wait for curl, scripts and serverless callers"
    )
    async def await_batch(self, info: Info, ref: BatchRef, timeout: Timeout = 30.0) -> Batch | None:  # noqa: ASYNC109
        """Wait for one batch."""
        context = info.context
        full = context.batches.resolve(str(ref.source.value), ref.id, ref.account, context.scope)
        looks = await context.watches.wait([full], _seconds(info, timeout), until_all=True)
        look = looks[full]
        if look.reading is not None:
            return view(look.reading)
        assert look.error is not None  # noqa: S101 - a look has at least one of the two
        raise look.error.with_traceback(None)

    @strawberry.field(description="The same for many: when ALL (or ANY) are terminal, or at the timeout")
    async def await_batches(
        self,
        info: Info,
        refs: list[BatchRef],
        timeout: Timeout = 30.0,  # noqa: ASYNC109
        until: AwaitUntil = AwaitUntil.ALL,
    ) -> list[BatchResult] | None:
        """Wait for many batches."""
        check_references(info, len(refs))
        context = info.context
        resolved = [_resolve(info, ref) for ref in refs]
        full = [ref for ref in resolved if not isinstance(ref, BatchError)]
        looks = await context.watches.wait(full, _seconds(info, timeout), until_all=until is AwaitUntil.ALL)
        return [
            BatchResult.refused(ref, found) if isinstance(found, BatchError) else BatchResult.of(found, looks[found])
            for ref, found in zip(refs, resolved, strict=True)
        ]

    @strawberry.field(description="The object of a global id, by the Relay server specification")
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        """One object by its global id."""
        return await _node(info, id)

    @strawberry.field(description="The objects of several global ids, in the order asked")
    async def nodes(self, info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
        """Several objects by their global ids."""
        check_references(info, len(ids))
        return [_node(info, global_id) for global_id in ids]  # type: ignore[misc] - each is awaited, and fails, alone

    @strawberry.field(
        description="What this client may use: marketplaces, their accounts, limits, retention and how well they "
        "answer right now"
    )
    def marketplaces(self, info: Info) -> list[info_of.MarketplaceInfo] | None:
        """What the client may use."""
        return info_of.marketplaces(info.context)


def check_references(info: Info, number: int) -> None:
    """Raise `BadUserInput` for more references than one operation may name."""
    most = info.context.limits.references
    if number > most:
        raise BadUserInput(f"One list may name {most} batches at most: ask for the rest in another request.")


def _seconds(info: Info, timeout: float) -> float:
    if math.isnan(timeout) or timeout < 0:
        raise BadUserInput("`timeout` is a number of seconds, 0 or more.")
    return min(timeout, info.context.limits.await_timeout)


def _resolve(info: Info, ref: BatchRef) -> FullRef | BatchError:
    context = info.context
    try:
        return context.batches.resolve(str(ref.source.value), ref.id, ref.account, context.scope)
    except BatchError as error:
        return error


def _at_hand(info: Info, ref: BatchRef, max_age: int | None) -> BatchResult | FullRef:
    """What can be told at once, or the reference to ask for."""
    full = _resolve(info, ref)
    if isinstance(full, BatchError):
        return BatchResult.refused(ref, full)
    reading = info.context.batches.peek(full, max_age)
    return full if reading is None else BatchResult.of(full, Look(reading))


async def _looked_up(info: Info, ref: FullRef, max_age: int | None) -> BatchResult:
    return BatchResult.of(ref, await info.context.batches.look(ref, max_age))


async def _node(info: Info, global_id: str) -> NormalizedBatch:
    named = decode(global_id)
    return view(await read(info, named.source, named.batch_id, named.account, None))
