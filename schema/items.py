"""The items of a batch: what an item shares on every marketplace, pages of items, filters."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Sequence
from typing import Final, cast

import strawberry

from adapters import model
from adapters.words import caseless
from schema.enums import Language
from schema.errors import BadUserInput
from schema.failures import Failure, FailureGroup, failure_groups, failures, say
from schema.lasting import Chosen
from schema.opaque import seal, unseal
from schema.scalars import JSON, raw_json

LARGEST_PAGE = 1000


@strawberry.interface(description="The fields of an item that mean the same on every marketplace.")
class NormalizedBatchItem:
    """What an item shares on every marketplace."""

    index: int = strawberry.field(description="Position in the batch, from 0")
    key: str | None = strawberry.field(
        description="The marketplace's handle of the item (barcode, stock code, path); null where it sends none"
    )
    title: str | None
    status: model.ItemStatus
    source_status: str | None = strawberry.field(description="The marketplace's own word; null where it sends none")
    failures: list[Failure] = strawberry.field(description="Why it failed")
    item: strawberry.Private[model.Item]

    @strawberry.field(description="What the seller still has to do, where the marketplace asks for it")
    def next_step(self, language: Language = Language.EN) -> str | None:
        """What is left to the seller."""
        return say(self.item.next_step, language)

    @strawberry.field(
        description="What was submitted, where the marketplace echoes it: enough to correct and send again"
    )
    def payload(self) -> JSON | None:
        """The submitted JSON, untouched."""
        return raw_json(self.item.payload)


def shared(item: model.Item) -> dict[str, object]:
    """The shared fields of an item, for the constructor of its type."""
    return {
        "index": item.index,
        "key": item.key,
        "title": item.title,
        "status": item.status,
        "source_status": item.source_status,
        "failures": failures(item.failures),
        "item": item,
    }


@strawberry.type(description="Where a page of a list lies")
class PageInfo:
    """By the Relay connection specification."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class BatchItemEdge:
    """One item with its cursor."""

    node: NormalizedBatchItem
    cursor: str


@strawberry.type(description="A page of the items of a batch")
class BatchItemConnection:
    """By the Relay connection specification, with `nodes` for those who need no cursors."""

    nodes: Sequence[NormalizedBatchItem]
    total_count: int = strawberry.field(description="How many items the filters let through, on all pages")
    is_complete: bool = strawberry.field(
        description="False where the marketplace lists only part of the items (Mircate lists the failed ones)"
    )
    has_next: strawberry.Private[bool]
    has_previous: strawberry.Private[bool]
    views: strawberry.Private[ItemViews]
    indexes: strawberry.Private[Sequence[int]]

    @strawberry.field
    def edges(self) -> Sequence[BatchItemEdge]:
        """The items with their cursors."""
        return Chosen(self.views, self.indexes, self.views.edge)

    @strawberry.field
    def page_info(self) -> PageInfo:
        """Where this page lies."""
        return PageInfo(
            has_next_page=self.has_next,
            has_previous_page=self.has_previous,
            start_cursor=cursor(self.indexes[0]) if self.indexes else None,
            end_cursor=cursor(self.indexes[-1]) if self.indexes else None,
        )


View = Callable[[model.Item], NormalizedBatchItem]

SHOWN: Final = "shown"
"""Where a snapshot's memo says that it was shown before."""
_FEW: Final = 10
"""Items whose views are quickly made again."""


class ItemViews:
    """The items of one snapshot as the API shows them, each built once."""

    def __init__(self, items: model.Items, view: View) -> None:
        self._items = items
        self._view = view
        self._built: dict[int, NormalizedBatchItem] = {}
        self._failures: list[FailureGroup] | None = None
        self._searched: tuple[list[str], list[str]] | None = None

    def __getitem__(self, index: int) -> NormalizedBatchItem:
        built = self._built.get(index)
        if built is None:
            built = self._built[index] = self._view(self._items[index])
        return built

    def at(self, indexes: Sequence[int]) -> Sequence[NormalizedBatchItem]:
        """Several items."""
        return Chosen(self, indexes, self.__getitem__)

    def edge(self, index: int) -> BatchItemEdge:
        """One item with its cursor."""
        return BatchItemEdge(node=self[index], cursor=cursor(index))

    def failures(self) -> list[FailureGroup]:
        """The failures of all items by reason."""
        if self._failures is None:
            self._failures = failure_groups(self._items)
        return self._failures

    def page(
        self, first: int, after: str | None, status: model.ItemStatus | None, search: str | None
    ) -> BatchItemConnection:
        """One page of the items that the filters let through."""
        check_first(first)
        found = self._find(status, search)
        start = bisect_right(found, _position(after)) if after is not None else 0
        chosen = found[start : start + first]
        return BatchItemConnection(
            nodes=self.at(chosen),
            total_count=len(found),
            is_complete=self._items.is_complete,
            has_next=start + first < len(found),
            has_previous=start > 0,
            views=self,
            indexes=chosen,
        )

    def _find(self, status: model.ItemStatus | None, search: str | None) -> Sequence[int]:
        heads = self._items.heads
        found: Sequence[int] = range(len(heads))
        if status is not None:
            found = [i for i in found if heads[i].status is status]
        if search:
            wanted, (keys, titles) = caseless(search), self._words()
            found = [i for i in found if wanted in keys[i] or wanted in titles[i]]
        return found

    def _words(self) -> tuple[list[str], list[str]]:
        """Keys and titles of all items, as they are compared."""
        if self._searched is None:
            items = list(self._items)
            keys = [caseless(item.key or "") for item in items]
            self._searched = keys, [caseless(item.title or "") for item in items]
        return self._searched


def views_of(snapshot: model.Snapshot, view: View, key: Hashable = None) -> ItemViews:
    """The item views of a snapshot: made once per key, kept as long as the snapshot is.

    Those of a small batch that is shown for the first time are not kept: most are never shown again.
    """
    kept = snapshot.memo.get("items")
    if isinstance(kept, tuple) and kept[0] == key:
        return cast("ItemViews", kept[1])
    views = ItemViews(snapshot.items, view)
    if SHOWN in snapshot.memo or len(snapshot.items) > _FEW:
        snapshot.memo["items"] = (key, views)
    return views


def check_first(first: int) -> None:
    """Raise `BadUserInput` for a page size that is not served."""
    if not 0 <= first <= LARGEST_PAGE:
        raise BadUserInput(f"`first` is between 0 and {LARGEST_PAGE:,}: ask for the next page with `after`.")


def cursor(index: int) -> str:
    """The opaque cursor of an item."""
    return seal(f"item:{index}")


def _position(given: str) -> int:
    try:
        index = int((unseal(given) or "").removeprefix("item:"))
    except ValueError:
        index = -1
    if index >= 0 and cursor(index) == given:
        return index
    raise BadUserInput("`after` is not a cursor of this list: use a `cursor` or `endCursor` as it was given.")
