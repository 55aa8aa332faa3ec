"""Harbour: results of price lists. A marketplace that does not exist, added by the steps of CONTRIBUTING.md.

Grounds: [page] would be the address of its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

import msgspec
from msgspec import Raw

from adapters import decoding, truth
from adapters.answers import check_echo, check_shape, open_answer, segment
from adapters.base import Account, Answer, Asking, Request, Source, account_of
from adapters.credentials import Secret
from adapters.decoding import Opened
from adapters.errors import UpstreamError
from adapters.failures import failures
from adapters.fields import Exact, Millis, Text, Wire
from adapters.model import NO_COUNTS, Item, ItemHead, Items, ItemStatus, Operation, Snapshot, Status
from adapters.refusals import refusal_of
from adapters.words import item_status, status, word

_BATCH_WORDS: Final[Mapping[str, Status]] = MappingProxyType(  # [page]
    {
        "moored": Status.PENDING,
        "unloading": Status.IN_PROGRESS,
        "completed": Status.COMPLETED,
        "sunk": Status.FAILED,
    }
)
_ITEM_WORDS: Final[Mapping[str, ItemStatus]] = MappingProxyType(  # [page]
    {"aboard": ItemStatus.PENDING, "landed": ItemStatus.SUCCEEDED, "turned away": ItemStatus.FAILED}
)
_KEYS: Final = ("ship", "status", "crates", "clearedAt")


class HarbourAccount(Account):
    """A merchant's key."""

    base_url: str = "https://api.harbour.example"
    api_key: Secret


class HarbourBatch(Wire):
    """The answer, without its crates."""

    pier: Text = None
    cleared_at: Millis = None


class HarbourItem(Wire):
    """One crate."""

    sku: Text = None
    name: Text = None
    price: Exact = None


class _Crate(msgspec.Struct):
    status: Raw = Raw(b"")
    why: Raw = Raw(b"")


_CRATE: Final = msgspec.json.Decoder(_Crate)


class Harbour:
    """Asks `GET {base_url}/ships/{id}` [page]."""

    marketplace: ClassVar[str] = "harbour"
    title: ClassVar[str] = "Harbour"
    sources: ClassVar[tuple[Source, ...]] = (Source("harbour", "Harbour price lists", Operation.PRICE_AND_STOCK),)
    account: ClassVar[type[Account]] = HarbourAccount
    limit: ClassVar[str] = "10/10s"
    retention: ClassVar[int | None] = None

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Ask once; see `Adapter.ask`."""
        own = account_of(HarbourAccount, account)
        headers = {"x-harbour-key": own.api_key.get_secret_value(), "Accept": "application/json"}
        answer = yield Request("GET", f"{own.base_url}/ships/{segment(batch_id)}", headers)
        return _snapshot(open_answer(answer, self.title), source, batch_id)

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """See `Adapter.refusal`."""
        return refusal_of(answer, self.title)


def _snapshot(opened: Opened, source: str, batch_id: str) -> Snapshot:
    found = opened.members
    check_shape(opened, _KEYS, Harbour.title)
    check_echo(batch_id, found.get("ship"), Harbour.title)
    own = HarbourBatch.model_validate(found)
    said = word(found.get("status"))
    stands = status(said, _BATCH_WORDS)
    heads = tuple(_head(piece) for piece in decoding.elements(found.get("crates")) or ())
    listed = truth.tally(heads)
    verdict = truth.judge(stands, listed, all_listed=bool(heads))
    return Snapshot(
        source=source,
        id=batch_id,
        operation=Operation.PRICE_AND_STOCK,
        status=stands,
        source_status=said,
        outcome=verdict.outcome,
        is_confirmed=truth.confirmed(stands, listed, NO_COUNTS, own.cleared_at),
        is_settled=verdict.is_settled,
        progress=verdict.progress,
        counts=verdict.counts,
        completed_at=own.cleared_at,
        items=Items(heads, _item),
        own=own,
        payload=opened.body,
    )


def _head(piece: Raw) -> ItemHead:
    try:
        crate = _CRATE.decode(piece)
    except decoding.UNREADABLE:
        crate = _Crate()
    said = word(crate.status)
    return ItemHead(item_status(said, _ITEM_WORDS), said, failures(crate.why), bytes(piece))


def _item(index: int, head: ItemHead) -> Item:
    own = HarbourItem.of(head.raw) or HarbourItem()
    return Item(
        index=index,
        status=head.status,
        source_status=head.source_status,
        failures=head.failures,
        key=own.sku,
        title=own.name,
        own=own,
        payload=head.raw,
    )
