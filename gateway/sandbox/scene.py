"""What a template's slots are read from: one batch (and one of its items) at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Scene:
    """The facts that an answer is made of. Times are seconds since the epoch. `index` moves along the items."""

    now: float
    id: str = ""
    seed: int = 0
    total: int = 0
    done: int = 0
    succeeded: int = 0
    failed: int = 0
    created: float = 0.0
    updated: float = 0.0
    completed: float = 0.0
    settled_at: Callable[[int], float] = field(default=lambda _: 0.0)
    """When the item of this index was settled."""
    item_id: str | None = None
    """The one item's own id, where it was asked by it."""
    index: int = 0
    items: bytes = b"[]"
    limit: int = 0
    page: int = 1
    count: int = 0
    """Of a list: the items on all its pages."""
    path: str = ""
    method: str = ""
