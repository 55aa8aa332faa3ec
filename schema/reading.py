"""From the arguments of a field to a reading."""

from __future__ import annotations

from gateway.core.state import Reading
from schema.context import Info
from schema.errors import BadUserInput


def check_max_age(max_age: int | None) -> None:
    """Raise `BadUserInput` for an age below zero."""
    if max_age is not None and max_age < 0:
        raise BadUserInput("`maxAge` is a number of seconds, 0 or more: 0 asks the marketplace now.")


async def read(info: Info, source: str, batch_id: str, account: str | None, max_age: int | None) -> Reading:
    """The reading of one batch for this client. Raises a `BatchError`."""
    check_max_age(max_age)
    context = info.context
    ref = context.batches.resolve(source, batch_id, account, context.scope)
    return context.batches.peek(ref, max_age) or await context.batches.get(ref, max_age)
