"""What the bench asks, as request bodies. `{n}` in a body is replaced by a number that no request had before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SMALL: Final = "done-1-7"
LARGE: Final = "done-1000-7"

_FIELDS: Final = "batchId status outcome itemCount succeededCount failedCount createdAt updatedAt"
_BATCH: Final = "query Batch($ref: BatchRef!) { batch(ref: $ref) { ... on TrendyolBatch { %s } } }"
_AGED: Final = (
    "query Batch($ref: BatchRef!, $age: Int) { batch(ref: $ref, maxAge: $age) { ... on TrendyolBatch { %s } } }"
)
_ITEMS: Final = "items(first: 1000) { nodes { ... on TrendyolItem { index key title status product { %s } } } }"
_PRODUCT: Final = "stockCode quantity listPrice salePrice"
_MANY: Final = "query Many($refs: [BatchRef!]!) { batches(refs: $refs) { batch { ... on TrendyolBatch { %s } } } }"
_WATCH: Final = (
    "subscription Watch($refs: [BatchRef!]!) "
    "{ batchUpdates(refs: $refs) { version batch { ... on TrendyolBatch { %s } } } }"
)

_MIRRORED: Final = (
    "batchRequestId status itemCount failedItemCount sourceType creationDate lastModification batchRequestType"
)
_MIRRORED_ITEMS: Final = (
    "items { status requestItem { barcode product { title productMainId stockCode quantity listPrice salePrice } } }"
)


@dataclass(frozen=True, slots=True)
class Questions:
    """The same questions in one schema's words."""

    small: bytes
    """One batch, 8 fields."""
    large: bytes
    """1,000 items, 8 fields each."""
    large_varied: bytes
    """The same, and no two requests alike, so that no answer can be given twice."""
    fresh: bytes
    """One batch, 8 fields; every request about a batch that nobody has asked for."""

    def one(self, batch_id: str) -> bytes:
        """One batch, 8 fields."""
        return self.fresh.replace(b"done-1-{n}", batch_id.encode())

    def many(self, ids: Sequence[str]) -> bytes:
        """Many batches in one request, 8 fields each."""
        return _body(_MANY % _FIELDS, refs=[_ref(each) for each in ids])


class Mirrored(Questions):
    """In the words of a gateway that shows the marketplace's own fields."""

    __slots__ = ()

    def many(self, ids: Sequence[str]) -> bytes:
        aliased = " ".join(f'b{n}: trendyolBatch(id: "{each}") {{ {_MIRRORED} }}' for n, each in enumerate(ids))
        return _body(f"{{ {aliased} }}")


def _ref(batch_id: str) -> dict[str, str]:
    return {"source": "TRENDYOL", "id": batch_id}


def _body(query: str, **variables: Any) -> bytes:
    return json.dumps({"query": query, "variables": variables}).replace('"{n}"', "{n}").encode()


def _mirrored(batch_id: str, fields: str) -> bytes:
    query = f"query Batch($id: String!) {{ trendyolBatch(id: $id) {{ {fields} }} }}"
    return _body(query, id=batch_id)


OURS: Final = Questions(
    small=_body(_BATCH % _FIELDS, ref=_ref(SMALL)),
    large=_body(_BATCH % (_ITEMS % _PRODUCT), ref=_ref(LARGE)),
    large_varied=_body(_AGED % (_ITEMS % _PRODUCT), ref=_ref(LARGE), age="{n}"),
    fresh=_body(_BATCH % _FIELDS, ref=_ref("done-1-{n}")),
)
MIRRORED: Final = Mirrored(
    small=_mirrored(SMALL, _MIRRORED),
    large=_mirrored(LARGE, _MIRRORED_ITEMS),
    large_varied=_mirrored(LARGE, _MIRRORED_ITEMS),
    fresh=_mirrored("done-1-{n}", _MIRRORED),
)


def subscription(batch_id: str) -> bytes:
    """The payload of a subscription to one batch."""
    return _body(_WATCH % _FIELDS, refs=[_ref(batch_id)])
