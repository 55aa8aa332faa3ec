"""What every marketplace's answer is read into: frozen records and a closed vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, overload

import msgspec


class Operation(Enum):
    """What the batch does, in words that all marketplaces share."""

    PRODUCT_CREATE = "PRODUCT_CREATE"
    PRODUCT_UPDATE = "PRODUCT_UPDATE"
    PRICE_AND_STOCK = "PRICE_AND_STOCK"
    ARCHIVE = "ARCHIVE"
    DELETE = "DELETE"
    API_CALL = "API_CALL"
    OTHER = "OTHER"


class Status(Enum):
    """Where a batch stands. A word that no adapter knows reads UNKNOWN, never a good-looking default."""

    __hash__ = object.__hash__  # members are single, and Enum's own is Python

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    UNKNOWN = "UNKNOWN"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT})


class Outcome(Enum):
    """How a batch in a terminal state ended, item by item."""

    SUCCEEDED = "SUCCEEDED"
    PARTIALLY_SUCCEEDED = "PARTIALLY_SUCCEEDED"
    FAILED = "FAILED"


class ItemStatus(Enum):
    """Where one item of a batch stands."""

    __hash__ = object.__hash__  # members are single, and Enum's own is Python

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


class BatchRef(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """One batch of one account: the key of everything that is kept about it."""

    source: str
    account: str
    id: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.source, self.account, self.id))


class Text(NamedTuple):
    """Words for the seller, in English and Turkish."""

    en: str
    tr: str


class Failure(NamedTuple):
    """Why an item failed: the marketplace's code and words, and what they mean where it documents that."""

    code: str | None = None
    message: str | None = None
    explanation: Text | None = None


class Counts(NamedTuple):
    """Numbers of items by where they stand. None where the marketplace does not tell: never guessed."""

    total: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    pending: int | None = None


NO_COUNTS: Final = Counts()


class ItemHead(msgspec.Struct, frozen=True, gc=False):
    """What every item tells at once; the rest is read from `raw` when somebody asks for it."""

    status: ItemStatus
    source_status: str | None
    failures: tuple[Failure, ...]
    raw: Any
    """The adapter's own: bytes of the answer, or what stands for them."""

    def __hash__(self) -> int:
        return hash((self.status, self.source_status, self.failures))


class Item(msgspec.Struct, frozen=True):
    """One item, whole. `own` is the marketplace's own model of it."""

    index: int
    status: ItemStatus
    source_status: str | None
    failures: tuple[Failure, ...]
    key: str | None
    title: str | None
    own: object
    payload: bytes | None
    """JSON of what was submitted, where the marketplace echoes it; bytes of the answer, untouched."""
    next_step: Text | None = None


class Items(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The listed items of a batch, a sequence: heads at once, details when asked for.

    `is_complete` is False where the marketplace lists only part of the items (Mircate lists the failed ones).
    """

    heads: tuple[ItemHead, ...] = ()
    read: Callable[[int, ItemHead], Item] | None = None
    is_complete: bool = True

    def reasons(self) -> list[tuple[Failure, int]]:
        """Why items failed, the most frequent first; an item counts once for each of its reasons.

        Reasons of an item that succeeded are remarks: they stay with the item.
        """
        unsuccessful = (head for head in self.heads if head.status is not ItemStatus.SUCCEEDED)
        return Counter(reason for head in unsuccessful for reason in dict.fromkeys(head.failures)).most_common()

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        if isinstance(index, slice):
            return [self[one] for one in range(len(self.heads))[index]]
        if self.read is None:
            raise IndexError(index)
        index = range(len(self.heads))[index]
        return self.read(index, self.heads[index])

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(len(self.heads)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Items):
            return NotImplemented
        return self.heads == other.heads and self.is_complete == other.is_complete

    def __hash__(self) -> int:
        return hash(self.heads)

    def __repr__(self) -> str:
        return f"Items({len(self.heads)}, is_complete={self.is_complete})"


class Snapshot(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One reading of one batch: all that the marketplace said, in words that all marketplaces share.

    Pure data of the answer: no clock, no account secrets. Two equal answers give equal snapshots. Thousands are kept,
    so the garbage collector passes them by: nothing that a snapshot leads to may lead back to it.
    """

    source: str
    id: str
    operation: Operation
    status: Status
    source_status: str | None = None
    outcome: Outcome | None = None
    is_confirmed: bool = False
    """True once the marketplace told something that only a real batch could have (an item, a time, a count)."""
    is_settled: bool = True
    """False where a terminal state may still be refined by the marketplace: it is kept for minutes only."""
    progress: float | None = None
    counts: Counts = NO_COUNTS
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    items: Items = msgspec.field(default_factory=Items)
    next_step: Text | None = None
    own: object = None
    """The marketplace's own model of the batch."""
    payload: bytes = b"null"
    """The answer as JSON, untouched (SureCart: one batch object with the operations of all pages)."""
    memo: dict[str, object] = {}
    """Room for what layers above derive from this snapshot: it lives exactly as long as the snapshot does."""

    def __eq__(self, other: object) -> bool:
        """Equal where the marketplace said the same, whatever was derived from it since."""
        is_alike = isinstance(other, Snapshot)
        return is_alike and msgspec.structs.astuple(self)[:-1] == msgspec.structs.astuple(other)[:-1]

    def __hash__(self) -> int:
        return hash((self.source, self.id, self.status, self.items))

    @property
    def is_terminal(self) -> bool:
        """True once the marketplace has finished with the batch."""
        return self.status in TERMINAL
