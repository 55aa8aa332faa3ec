"""What a resolver may touch: one frozen record per operation."""

from __future__ import annotations

from dataclasses import dataclass, field

import strawberry

from gateway.core.accounts import EVERYTHING, Scope
from gateway.core.batches import Batches
from gateway.core.watch import Watches


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How much one operation may ask for: references, and seconds of an awaiting query."""

    references: int = 200
    await_timeout: float = 300.0


@dataclass(frozen=True, slots=True)
class Context:
    """The door to batches and watches, and the accounts that this client may use."""

    batches: Batches
    watches: Watches
    scope: Scope = EVERYTHING
    limits: QueryLimits = field(default_factory=QueryLimits)


Info = strawberry.Info[Context, None]
