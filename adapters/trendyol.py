"""Trendyol: results of product batches (create, update, price and stock, archive, delete).

Grounds: [page] https://developers.trendyol.com/docs/toplu-i̇şlem-kontrolü-getbatchrequestresult ,
[auth] https://developers.trendyol.com/docs/2-authorization , [reported] clients of other people; docs/truth.md has all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Raw
from pydantic import Field

from adapters import decoding, truth
from adapters.answers import check_echo, check_shape, open_answer, segment, tells_error
from adapters.base import Account, Answer, Asking, Request, Source, account_of
from adapters.credentials import HeaderText, HeaderToken, Secret, SellerId, basic
from adapters.decoding import Opened
from adapters.errors import Forbidden, RateLimited, Rejected, Unauthenticated, Unavailable, UpstreamError
from adapters.fields import (
    Count,
    Exact,
    Flag,
    Identity,
    Links,
    Millis,
    Objects,
    RawJson,
    Text,
    Whole,
    Wire,
    identity,
    raw_json,
    text,
)
from adapters.heads import Told, read_heads
from adapters.model import Counts, Item, ItemHead, Items, ItemStatus, Operation, Snapshot, Status
from adapters.refusals import Advice, refusal_of
from adapters.words import fold, status, word

_BATCH_WORDS: Final[Mapping[str, Status]] = MappingProxyType(
    {
        "completed": Status.COMPLETED,  # [page]
        "in_progress": Status.IN_PROGRESS,  # documented beside COMPLETED in the schema of the same call
        "processing": Status.IN_PROGRESS,  # [reported] of a live answer
        "failed": Status.FAILED,  # [reported]
        "partially_completed": Status.COMPLETED,  # [reported] as a word of older batches
    }
)
_ITEM_WORDS: Final[Mapping[str, ItemStatus]] = MappingProxyType(
    {
        "success": ItemStatus.SUCCEEDED,  # [page]
        "failed": ItemStatus.FAILED,
        "processing": ItemStatus.PENDING,  # [reported], as the next one
        "in_progress": ItemStatus.PENDING,
    }
)
_OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "productv2onboarding": Operation.PRODUCT_CREATE,  # all five: [page]
        "productv2update": Operation.PRODUCT_UPDATE,
        "productinventoryupdate": Operation.PRICE_AND_STOCK,
        "productarchiveupdate": Operation.ARCHIVE,
        "productdeletion": Operation.DELETE,
    }
)
_KEYS: Final = frozenset(
    {"batchRequestId", "items", "itemCount", "failedItemCount", "batchRequestType", "creationDate"}
)
_KEPT: Final = timedelta(hours=4)  # [page]: batches can be seen for four hours

_BY_KEY: Final[Mapping[str, Advice]] = MappingProxyType(
    {
        "TOO.MANY.REQUESTS": Advice(RateLimited, "throttles this account ({status}): it is asked again more slowly"),
        "TRENDYOLAUTHORIZATIONEXCEPTION": Advice(
            Unauthenticated,
            "refused the account ({status}): the keys seem to belong to another seller; check seller_id",
        ),
        "INVALID.STOREFRONTCODE": Advice(Rejected, "does not know this store front ({status}): check store_front"),
        "SUPPLIER.API.SUPPLIER.NOT.FOUND": Advice(Rejected, "does not know this seller ({status}): check seller_id"),
    }
)
_BY_STATUS: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        401: Advice(
            Unauthenticated,
            "refused the account's credentials ({status}): check api_key and api_secret, that they belong to "
            "seller_id, and that they are for this host (stage has keys of its own)",
        ),
        403: Advice(
            Forbidden,
            "refused this account or this machine's address ({status}): a production address may be blocked, and "
            "stage answers only addresses on its list; seller_id and integrator, sent as User-Agent, must be right",
        ),
        503: Advice(
            Unavailable,
            "is unavailable ({status}): it is asked again; on the stage host this means that the machine's address "
            "is not on Trendyol's list",
        ),
    }
)


class TrendyolAccount(Account):
    """Keys of one seller, from the seller panel's integration page."""

    base_url: str = "https://apigw.trendyol.com"
    seller_id: SellerId
    api_key: Secret
    api_secret: Secret
    integrator: HeaderText = "SelfIntegration"
    store_front: HeaderToken | None = None
    language: HeaderToken | None = None


class ProductAttribute(Wire):
    """One attribute of a product: a value from the category's list, or one of the seller's own."""

    attribute_id: Identity = None
    attribute_value_id: Identity = None
    custom_attribute_value: Text = None


class TrendyolProduct(Wire):
    """The product that a create or update batch submitted."""

    barcode: Text = None
    title: Text = None
    product_main_id: Text = None
    brand_id: Identity = None
    category_id: Identity = None
    quantity: Whole = None
    stock_code: Text = None
    dimensional_weight: Exact = None
    description: Text = None
    currency_type: Text = None
    list_price: Exact = None
    sale_price: Exact = None
    vat_rate: Whole = None
    images: Links = None
    attributes: Annotated[tuple[ProductAttribute, ...] | None, Objects] = None
    cargo_company_id: Identity = None
    shipment_address_id: Identity = None
    returning_address_id: Identity = None
    delivery_duration: Whole = None
    delivery_option: RawJson = None
    content_id: Identity = None


class TrendyolItem(Wire):
    """One item's `requestItem`; which fields are there depends on the batch's type."""

    barcode: Text = None
    quantity: Whole = None
    list_price: Exact = None
    sale_price: Exact = None
    archived: Flag = None
    supplier_id: Identity = None
    update_request_date: Millis = None
    batch_request_log_id: Text = None
    product_json: RawJson = Field(None, alias="product", repr=False)

    @cached_property
    def product(self) -> TrendyolProduct | None:
        """The product of a create or update batch, read when somebody looks at it."""
        return TrendyolProduct.of(self.product_json)


class TrendyolBatch(Wire):
    """The envelope of the answer, without its items."""

    batch_request_type: Text = None
    source_type: Text = None
    notes: Text = None
    store_front_code: Text = None
    object_key: Text = None
    declared_item_count: Count = Field(None, alias="itemCount")
    declared_failed_item_count: Count = Field(None, alias="failedItemCount")
    creation_date: Millis = None
    last_modification: Millis = None


class Trendyol:
    """Asks `GET /integration/product/sellers/{sellerId}/products/batch-requests/{batchRequestId}` [page]."""

    marketplace: ClassVar[str] = "trendyol"
    title: ClassVar[str] = "Trendyol"
    sources: ClassVar[tuple[Source, ...]] = (
        Source("trendyol", "Trendyol products: create, update, price and stock, archive, delete", Operation.OTHER),
    )
    account: ClassVar[type[Account]] = TrendyolAccount
    limit: ClassVar[str] = "25/10s"  # half of 50 per 10 seconds
    retention: ClassVar[int | None] = int(_KEPT.total_seconds())

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Ask once; see `Adapter.ask`."""
        own = account_of(TrendyolAccount, account)
        seller, batch = segment(own.seller_id), segment(batch_id)
        url = f"{own.base_url}/integration/product/sellers/{seller}/products/batch-requests/{batch}"
        answer = yield Request("GET", url, _headers(own))
        return _snapshot(_open(answer), source, batch_id)

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """See `Adapter.refusal`. Errors come as objects with a key, as plain texts, and inside another body."""
        return refusal_of(answer, self.title, _BY_KEY, _BY_STATUS)


def _headers(account: TrendyolAccount) -> dict[str, str]:
    headers = {
        "Authorization": f"Basic {basic(account.api_key, account.api_secret)}",
        "User-Agent": f"{account.seller_id} - {account.integrator}",  # without it: 403 [auth]
        "Accept": "application/json",
    }
    if account.store_front:
        headers["storeFrontCode"] = account.store_front
    if account.language:
        headers["Accept-Language"] = account.language
    return headers


class _Item(Told, rename="camel"):
    request_item: Raw = Raw(b"")
    batch_request_log_id: Raw = Raw(b"")


class _Answer(msgspec.Struct, rename="camel"):
    """The usual shape, read in one pass: answers of a thousand products take megabytes."""

    batch_request_id: Raw = Raw(b"")
    status: Raw = Raw(b"")
    items: list[_Item] | None = None
    item_count: object = msgspec.UNSET
    failed_item_count: object = msgspec.UNSET
    creation_date: object = msgspec.UNSET
    last_modification: object = msgspec.UNSET
    batch_request_type: object = msgspec.UNSET
    source_type: object = msgspec.UNSET
    notes: object = msgspec.UNSET
    store_front_code: object = msgspec.UNSET
    object_key: object = msgspec.UNSET


_ANSWER: Final = msgspec.json.Decoder(_Answer, float_hook=decoding.exact)
_ITEM: Final = msgspec.json.Decoder(_Item)
_READ: Final = tuple(
    (field.name, field.encode_name) for field in msgspec.structs.fields(_Answer) if field.default is msgspec.UNSET
)


class _Opened(msgspec.Struct, frozen=True):
    """An answer's own members, read or as bytes, its items if they are listed, and its text."""

    members: dict[str, Any]
    items: list[_Item] | None
    body: bytes


def _open(answer: Answer) -> _Opened:
    try:
        found, body = decoding.decode(answer.body, _ANSWER)
    except decoding.UNREADABLE:
        return _open_unusual(answer)
    members = {key: value for name, key in _READ if (value := getattr(found, name)) is not msgspec.UNSET}
    if found.status:
        members["status"] = found.status
    if found.batch_request_id:
        members["batchRequestId"] = found.batch_request_id
    return _Opened(members, found.items, body)


def _open_unusual(answer: Answer) -> _Opened:
    """Items that are no list, or not all objects: each is taken for what it is worth."""
    opened = open_answer(answer, Trendyol.title)
    pieces = decoding.elements(opened.members.get("items"))
    items = None if pieces is None else [_lenient_item(piece) for piece in pieces]
    return _Opened(opened.members, items, opened.body)


def _lenient_item(piece: Raw) -> _Item:
    try:
        return _ITEM.decode(piece)
    except decoding.UNREADABLE:
        return _Item()


class _Details(msgspec.Struct, frozen=True, gc=False):
    """What an item's details are read from: the parts of the answer that its head does not hold, where they stand."""

    request_item: Raw
    batch_request_log_id: Raw


def _snapshot(opened: _Opened, source: str, batch_id: str) -> Snapshot:
    found = opened.members
    said = word(found.get("status"))
    if opened.items is None and (fold(said or "") not in _BATCH_WORDS or tells_error(decoding.members(opened.body))):
        check_shape(Opened(found, opened.body), _KEYS, Trendyol.title)
    check_echo(batch_id, found.get("batchRequestId"), Trendyol.title)
    own = TrendyolBatch.model_validate(found)
    listed_items = opened.items or ()
    details = [_Details(item.request_item, item.batch_request_log_id) for item in listed_items]
    heads = read_heads(zip(listed_items, details, strict=True), _ITEM_WORDS)
    listed = truth.tally(heads)
    declared = Counts(own.declared_item_count, failed=own.declared_failed_item_count)
    stands = _by_items(listed, declared) if said is None else status(said, _BATCH_WORDS)
    all_listed = opened.items is not None and _are_all_listed(listed, declared)
    verdict = truth.judge(stands, listed, declared, all_listed=all_listed)
    return Snapshot(
        source=source,
        id=batch_id,
        operation=_OPERATIONS.get(fold(own.batch_request_type or ""), Operation.OTHER),
        status=stands,
        source_status=said,
        outcome=verdict.outcome,
        is_confirmed=truth.confirmed(stands, listed, declared, own.creation_date, own.last_modification),
        is_settled=verdict.is_settled,
        progress=verdict.progress,
        counts=verdict.counts,
        created_at=own.creation_date,
        updated_at=own.last_modification,
        expires_at=own.creation_date + _KEPT if own.creation_date else None,
        items=Items(heads, _item, is_complete=declared.total is None or listed.total >= declared.total),
        own=own,
        payload=opened.body,
    )


def _by_items(listed: truth.Tally, declared: Counts) -> Status:
    """Price and stock batches have no status word [page]: they have ended when all their items have."""
    has_ended = listed.total > 0 and listed.total == declared.total and not listed.is_open
    return Status.COMPLETED if has_ended else Status.IN_PROGRESS


def _are_all_listed(listed: truth.Tally, declared: Counts) -> bool:
    return listed.total >= declared.total if declared.total is not None else listed.total > 0


def _item(index: int, head: ItemHead) -> Item:
    details: _Details = head.raw
    submitted = details.request_item
    request = decoding.members(submitted)
    product = decoding.members(request.get("product"))
    if details.batch_request_log_id:
        request["batchRequestLogId"] = details.batch_request_log_id
    named = (request.get("barcode"), product.get("barcode"), product.get("stockCode"))
    return Item(
        index=index,
        status=head.status,
        source_status=head.source_status,
        failures=head.failures,
        key=next(filter(None, map(identity, named)), None),
        title=text(product.get("title")),
        own=TrendyolItem.model_validate(request),
        payload=raw_json(submitted),
    )
