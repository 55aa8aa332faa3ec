"""idefix: results of fast listing, product create, and stock and price uploads.

Grounds: [fast] https://developer.idefix.com/api/urun-entegrasyonu/hizli-urun-ekleme-durum-sorgulama , [create]
…/toplu-urun-durumu-sorgulama , [stock] …/stok-ve-fiyat-durum-sorgulama , [auth]
https://developer.idefix.com/authorization , [test] …/canli-test-ortam-bilgileri , [reported] clients
of other people; docs/truth.md has all.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw
from pydantic import Field

from adapters import decoding, truth
from adapters.answers import check_echo, check_shape, open_answer, segment, tells_error
from adapters.base import Account, Answer, Asking, Request, Source, account_of
from adapters.credentials import OptionalSecret, Secret, SellerId, basic
from adapters.decoding import Opened
from adapters.errors import NotFound, Rejected, Unauthenticated, UpstreamError
from adapters.fields import Exact, Flag, Identity, Links, Millis, Objects, RawJson, Text, Whole, Wire
from adapters.heads import read_heads, told_by
from adapters.model import NO_COUNTS, Item, ItemHead, Items, ItemStatus, Operation, Snapshot, Status
from adapters.model import Text as Words
from adapters.refusals import Advice, codes, refusal_of, refuse
from adapters.words import fold, status, word

_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "idefix-fast-listing": "catalog/{vendor}/fast-listing-result/{batch}",  # [fast]
        "idefix-product-create": "pool/{vendor}/batch-result/{batch}",  # [create]
        "idefix-inventory": "catalog/{vendor}/inventory-result/{batch}",  # [stock]
    }
)
_OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "idefix-fast-listing": Operation.PRODUCT_CREATE,
        "idefix-product-create": Operation.PRODUCT_CREATE,
        "idefix-inventory": Operation.PRICE_AND_STOCK,
    }
)
_BATCH_WORDS: Final[Mapping[str, Status]] = MappingProxyType(  # [create], in any case: [fast]
    {
        "created": Status.PENDING,
        "running": Status.IN_PROGRESS,
        "completed": Status.COMPLETED,
        "failed": Status.FAILED,
        "cancelled": Status.CANCELLED,
        "batch_already_processed": Status.IN_PROGRESS,  # a code of [stock]; see `_STILL_PROCESSING`
    }
)
_ITEM_WORDS: Final[Mapping[str, ItemStatus]] = MappingProxyType(
    {
        "created": ItemStatus.PENDING,  # [stock]
        "running": ItemStatus.PENDING,  # inferred from the batch's words, as failed and cancelled
        "completed": ItemStatus.SUCCEEDED,  # [fast] [stock]
        "decline": ItemStatus.FAILED,  # [fast] [stock]
        "failed": ItemStatus.FAILED,
        "cancelled": ItemStatus.FAILED,
        # The words of [create]; which of them are final is not told there, so that the split is inferred.
        "ready_for_sale": ItemStatus.SUCCEEDED,
        "vendor_declined": ItemStatus.FAILED,
        "platform_declined": ItemStatus.FAILED,
        "missing_info": ItemStatus.FAILED,
        "waiting_catalog_action": ItemStatus.PENDING,
        "waiting_vendor_approve": ItemStatus.PENDING,
        "not_matched": ItemStatus.PENDING,
        "auto_matched": ItemStatus.PENDING,
        "manual_matched": ItemStatus.PENDING,
    }
)
_APPROVAL: Final = "waiting_vendor_approve"
_APPROVE: Final = Words(
    "Approve or decline the matched product in the idefix panel within 24 hours; after that, send its stock and price "
    "again.",
    "Eşleşen ürünü 24 saat içinde idefix panelinde onaylayın veya reddedin; süre geçerse stok ve fiyatını tekrar "
    "gönderin.",
)
_KEYS: Final = ("batchRequestId", "items", "products", "createdAt", "completedAt", "lastUpdatedAt")
_RESULTS: Final = frozenset(
    {
        *("status", "statusDateCreatedAt", "poolState", "matchedProduct", "productId", "failureReasons"),
        *("needAutoMatch", "addType", "reference"),
    }
)
"""Members of an item that idefix adds; the others were submitted."""

_UNKNOWN_BATCH: Final[Advice] = Advice(
    NotFound,
    "does not know this batch ({status}): check the id, the kind of batch and the account",
)
_BY_CODE: Final[Mapping[str, Advice]] = MappingProxyType(
    {
        "BATCH_NOT_EXIST": _UNKNOWN_BATCH,  # [stock]; with which HTTP status is not told
        "NO_BATCH_ID_EXIST": _UNKNOWN_BATCH,  # [create]
        "VENDOR_TOKEN_NOT_EXIST": Advice(  # [auth]
            Unauthenticated,
            "does not know the account's key ({status}): check vendor_id, api_key and api_secret; an account that "
            "has one key only has an empty api_secret",
        ),
    }
)
_STILL_PROCESSING: Final = "BATCH_ALREADY_PROCESSED"
"""[stock] explains it as still being processed, the opposite of its name."""
_METHOD_NOT_ALLOWED: Final = 405

_EXPLANATIONS: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "PRODUCT_POOL_ALREADY_EXIST": Words(  # [fast] [create]
            "The product is already in your product pool: update its stock and price instead of adding it again.",
            "Ürün zaten ürün havuzunuzda: yeniden eklemek yerine stok ve fiyatını güncelleyin.",
        ),
        "PRODUCT_BARCODE_NOT_EXIST": Words(  # [fast]
            "idefix's catalogue has no product with this barcode: check the barcode, or create the product.",
            "idefix kataloğunda bu barkodla bir ürün yok: barkodu kontrol edin veya ürünü oluşturun.",
        ),
        "VENDOR_CATEGORY_ACCESS_DENIED": Words(  # [fast] [create]
            "Your shop may not sell in this category: ask idefix for the category, or choose another one.",
            "Mağazanızın bu kategoride satış yetkisi yok: idefix'ten yetki isteyin veya başka bir kategori seçin.",
        ),
        "VENDOR_ACCESS_DENIED": Words(  # [fast] [create]
            "Your shop is not approved yet: finish its approval with idefix, then send the product again.",
            "Mağazanız henüz onaylı değil: idefix onayını tamamlayıp ürünü tekrar gönderin.",
        ),
        "BRAND_EXCLUSIVE_NOT_AUTHORIZED": Words(  # [fast] [create]
            "This brand is sold by authorised shops only, and yours is not one: ask idefix for the authorisation.",
            "Bu markayı yalnızca yetkili mağazalar satabilir ve mağazanız yetkili değil: idefix'ten yetki isteyin.",
        ),
        "DATA_PARSE_ERROR": Words(  # [stock] [create]
            "idefix could not read what was sent: check the types and formats of the fields, then send it again.",
            "idefix gönderilen veriyi okuyamadı: alan türlerini ve biçimlerini kontrol edip tekrar gönderin.",
        ),
        "BATCH_NOT_EXIST": Words(  # [stock]
            "idefix knows no batch with this id: check the id and the account.",
            "idefix bu numaralı bir toplu işlem bilmiyor: numarayı ve hesabı kontrol edin.",
        ),
        "BATCH_ALREADY_PROCESSED": Words(  # [stock]
            "The batch is still being processed, whatever the code's name says: wait for its result and do not "
            "send it again yet.",
            "Kodun adına rağmen işlem hâlâ sürüyor: sonucu bekleyin, şimdilik tekrar göndermeyin.",
        ),
        "PRODUCT_NOT_FOUND": Words(  # [stock]
            "None of your products has this barcode: check the barcode, or add the product first.",
            "Ürünleriniz arasında bu barkod yok: barkodu kontrol edin veya önce ürünü ekleyin.",
        ),
        "CATALOG_PRICE_LOCKED": Words(  # [stock]
            "idefix has locked the price of this product: ask idefix's support to unlock it.",
            "idefix bu ürünün fiyatını kilitledi: kilidin açılması için idefix destek ekibiyle görüşün.",
        ),
        "NO_PRICE": Words(  # [stock]
            "The product has no price: send it with a price.",
            "Ürünün fiyatı yok: fiyatıyla birlikte gönderin.",
        ),
        "CATEGORY_MANDATORY_ATTRIBUTE_MISSED": Words(  # [create]
            "An attribute that the category requires is missing: read the category's attributes and add the "
            "required ones.",
            "Kategorinin zorunlu bir özelliği eksik: kategori özelliklerini sorgulayıp zorunlu olanları ekleyin.",
        ),
        "ATTRIBUTE_MULTIPLE_NOT_ALLOWED": Words(  # [create]
            "An attribute was sent more than once, but may have one value only: keep one.",
            "Tek değer alabilen bir özellik birden fazla gönderildi: yalnızca birini bırakın.",
        ),
        "CUSTOM_ATTRIBUTE_NOT_SUPPORTED_YET": Words(  # [create]
            "An attribute does not take a value of your own: choose one from the category's list.",
            "Özellik serbest değer kabul etmiyor: kategori listesindeki değerlerden birini seçin.",
        ),
        "ATTRIBUTEVALUE_NOT_DEFINED": Words(  # [create]
            "An attribute's value is not in the category's list: choose one that is.",
            "Özellik değeri kategori listesinde tanımlı değil: listedeki bir değeri seçin.",
        ),
        "BRAND_NOT_EXIST": Words(  # [create]
            "idefix knows no brand with this id: look it up in the brand list, or ask idefix to add it.",
            "idefix'te bu numaralı bir marka yok: marka listesinden kontrol edin veya eklenmesini isteyin.",
        ),
        "BRAND_FAILED_TO_MATCH": Words(  # [create]
            "The brand differs from the one of the same product in idefix's catalogue: send the catalogue's brand.",
            "Marka, aynı ürünün idefix kataloğundaki markasıyla uyuşmuyor: katalogdaki markayı gönderin.",
        ),
        "CATEGORY_FAILED_TO_MATCH": Words(  # [create]
            "The category differs from the one of the same product in idefix's catalogue: send the catalogue's "
            "category.",
            "Kategori, aynı ürünün idefix kataloğundaki kategorisiyle uyuşmuyor: katalogdaki kategoriyi gönderin.",
        ),
        "VENDOR_RETURN_ADDRESS_NOT_CORRECT": Words(  # [create]
            "The return address is none of your shop's: use the id of one that is defined in the panel.",
            "İade adresi mağazanıza ait değil: panelde tanımlı bir adresin numarasını kullanın.",
        ),
        "VENDOR_SHIPMENT_ADDRESS_NOT_CORRECT": Words(  # [create]
            "The shipment address is none of your shop's: use the id of one that is defined in the panel.",
            "Sevkiyat adresi mağazanıza ait değil: panelde tanımlı bir adresin numarasını kullanın.",
        ),
        "PRODUCT_IMAGE_MANDATORY_ONCREATE": Words(  # [create]
            "A new product needs at least one image: add its address and send it again.",
            "Yeni ürün için en az bir görsel gerekir: görsel adresini ekleyip tekrar gönderin.",
        ),
        "VENDOR_BRAND_ACCESS_DENIED": Words(  # [create]
            "Your shop may not sell this brand: ask idefix for the brand.",
            "Mağazanızın bu markayı satma yetkisi yok: idefix'ten yetki isteyin.",
        ),
        "VENDOR_IN_VACATION_MODE": Words(  # [create]
            "Your shop is in vacation mode: end it in the panel, then send the product again.",
            "Mağazanız tatil modunda: panelden kapatıp ürünü tekrar gönderin.",
        ),
        "NO_BATCH_ID_EXIST": Words(  # [create]
            "idefix knows no batch with this id: check the id and the account.",
            "idefix bu numaralı bir toplu işlem bilmiyor: numarayı ve hesabı kontrol edin.",
        ),
    }
)


class IdefixAccount(Account):
    """A seller's integration key. Newer accounts have one key and no secret [reported]: `api_secret = ""`."""

    base_url: str = "https://merchantapi.idefix.com"
    vendor_id: SellerId
    api_key: Secret
    api_secret: OptionalSecret


class ProductAttribute(Wire):
    """One attribute of a product: a value from the category's list, or one of the seller's own."""

    attribute_id: Identity = None
    attribute_value_id: Identity = None
    custom_attribute_value: Text = None


class IdefixMatchedProduct(Wire):
    """The product of idefix's catalogue that a barcode was matched with."""

    barcode: Text = None
    name: Text = None
    brand: Text = None
    category: Text = None
    images: Links = None
    attributes: Annotated[tuple[ProductAttribute, ...] | None, Objects] = None


class IdefixItem(Wire):
    """One item of a batch. The unit of its prices is not documented: they are told as they come."""

    title: Text = None
    barcode: Text = None
    price: Exact = None
    compare_price: Exact = None
    inventory_quantity: Whole = None
    vendor_stock_code: Text = None
    product_id: Identity = None
    pool_state: Text = None
    status_date_created_at: Millis = None
    matched_product_json: RawJson = Field(None, alias="matchedProduct", repr=False)
    product_main_id: Text = None
    brand_id: Identity = None
    category_id: Identity = None
    description: Text = None
    weight: Exact = None
    vat_rate: Whole = None
    delivery_duration: Whole = None
    delivery_type: Text = None
    maximum_purchasable_quantity: Whole = None
    reference: Text = None
    need_auto_match: Flag = None
    add_type: Text = None

    @cached_property
    def matched_product(self) -> IdefixMatchedProduct | None:
        """Read when somebody looks at it."""
        return IdefixMatchedProduct.of(self.matched_product_json)


class IdefixBatch(Wire):
    """The envelope of the answer, without its items."""

    last_updated_at: Millis = None
    completed_at: Millis = None
    created_at: Millis = None


class Idefix:
    """Asks one of three paths under `/pim`, with GET, and with POST where GET is not allowed."""

    marketplace: ClassVar[str] = "idefix"
    title: ClassVar[str] = "idefix"
    sources: ClassVar[tuple[Source, ...]] = (
        Source("idefix-fast-listing", "idefix fast listing (hızlı ürün ekleme)", Operation.PRODUCT_CREATE),
        Source("idefix-product-create", "idefix product create", Operation.PRODUCT_CREATE),
        Source("idefix-inventory", "idefix stock and price upload", Operation.PRICE_AND_STOCK),
    )
    account: ClassVar[type[Account]] = IdefixAccount
    limit: ClassVar[str] = "20/10s"  # no limit is documented; clients keep to this one
    retention: ClassVar[int | None] = None

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Ask with GET, and again with POST where GET answers 405; see `Adapter.ask`.

        [fast] prints POST; a live answer to POST is reported to be 405 with `Allow: GET`.
        """
        own = account_of(IdefixAccount, account)
        path = _PATHS[source].format(vendor=segment(own.vendor_id), batch=segment(batch_id))
        answer = yield from _either(f"{_root(own.base_url)}/{path}", _headers(own))
        return _read(answer, source, batch_id)

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """See `Adapter.refusal`. 405 and the code for "still processing" are read by `ask`."""
        if answer.status == _METHOD_NOT_ALLOWED:
            return None
        if answer.status >= 400 and _STILL_PROCESSING in codes(answer.body):
            return None
        return refusal_of(answer, self.title, _BY_CODE)


def _root(base_url: str) -> str:
    """The test host has a path of its own in the place of `/pim` [test]."""
    return base_url if urlsplit(base_url).path.strip("/") else f"{base_url}/pim"


def _headers(account: IdefixAccount) -> dict[str, str]:
    return {"X-API-KEY": basic(account.api_key, account.api_secret), "Accept": "application/json"}  # [auth]


def _either(url: str, headers: Mapping[str, str]) -> Generator[Request, Answer, Answer]:
    answer = yield Request("GET", url, headers)
    if answer.status == _METHOD_NOT_ALLOWED:
        answer = yield Request("POST", url, headers)
    if answer.status == _METHOD_NOT_ALLOWED:
        raise refuse(
            answer,
            Idefix.title,
            Advice(Rejected, "allows neither GET nor POST at this address ({status}): check base_url"),
        )
    return answer


def _read(answer: Answer, source: str, batch_id: str) -> Snapshot:
    if answer.status >= 400:  # `refusal` lets this code alone pass
        return _still_processing(_as_json(answer.body), source, batch_id)
    opened = open_answer(answer, Idefix.title)
    pieces = _pieces(opened.members, source)
    if not pieces:
        told = codes(opened.body)
        for code, advice in _BY_CODE.items():
            if code in told:
                raise refuse(answer, Idefix.title, advice)
        if _STILL_PROCESSING in told:
            return _still_processing(opened.body, source, batch_id)
    return _snapshot(opened, pieces, source, batch_id)


def _pieces(members: Mapping[str, Raw], source: str) -> list[Raw] | None:
    """The listed items: [create] calls them `products`, the others `items`."""
    keys = ("products", "items") if source == "idefix-product-create" else ("items", "products")
    lists = [found for key in keys if (found := decoding.elements(members.get(key))) is not None]
    return next(filter(None, lists), lists[0] if lists else None)


def _as_json(body: bytes) -> bytes:
    """The body itself, or as a JSON string where it is plain text."""
    return body if decoding.value(body) is not None else msgspec.json.encode(body.decode(errors="replace"))


def _still_processing(payload: bytes, source: str, batch_id: str) -> Snapshot:
    return Snapshot(
        source=source,
        id=batch_id,
        operation=_OPERATIONS[source],
        status=Status.IN_PROGRESS,
        source_status=_STILL_PROCESSING,
        own=IdefixBatch(),
        payload=payload,
    )


def _snapshot(opened: Opened, pieces: list[Raw] | None, source: str, batch_id: str) -> Snapshot:
    found = opened.members
    said = word(found.get("status"))
    if fold(said or "") not in _BATCH_WORDS or tells_error(found):
        check_shape(opened, _KEYS, Idefix.title)
    check_echo(batch_id, found.get("batchRequestId"), Idefix.title)
    own = IdefixBatch.model_validate(found)
    heads = read_heads(((told_by(piece), bytes(piece)) for piece in pieces or ()), _ITEM_WORDS, _EXPLANATIONS)
    stands = status(said, _BATCH_WORDS)
    listed = truth.tally(heads)
    verdict = truth.judge(stands, listed, all_listed=bool(heads))
    return Snapshot(
        source=source,
        id=batch_id,
        operation=_OPERATIONS[source],
        status=stands,
        source_status=said,
        outcome=verdict.outcome,
        is_confirmed=truth.confirmed(stands, listed, NO_COUNTS, own.created_at, own.completed_at, own.last_updated_at),
        is_settled=verdict.is_settled,
        progress=verdict.progress,
        counts=verdict.counts,
        created_at=own.created_at,
        updated_at=own.last_updated_at,
        completed_at=own.completed_at,
        items=Items(heads, _item),
        next_step=_next_step_of_any(heads),
        own=own,
        payload=opened.body,
    )


def _next_step_of_any(heads: Iterable[ItemHead]) -> Words | None:
    """The batch asks for what one of its items asks for."""
    mark = _APPROVAL.encode()
    steps = (_next_step(head, decoding.members(head.raw)) for head in heads if mark in head.raw.lower())
    return next(filter(None, steps), None)


def _next_step(head: ItemHead, members: Mapping[str, Raw]) -> Words | None:
    """`poolState` says where the product stands in the pool; it decides nothing about the item."""
    said = (word(members.get("poolState")), head.source_status)
    is_waiting = any(fold(one) == _APPROVAL for one in said if one)
    return _APPROVE if is_waiting and head.status is not ItemStatus.FAILED else None


def _item(index: int, head: ItemHead) -> Item:
    members = decoding.members(head.raw)
    own = IdefixItem.model_validate(members)
    submitted = {key: piece for key, piece in members.items() if key not in _RESULTS}
    return Item(
        index=index,
        status=head.status,
        source_status=head.source_status,
        failures=head.failures,
        key=own.barcode or own.vendor_stock_code,
        title=own.title or (own.matched_product.name if own.matched_product else None),
        own=own,
        payload=msgspec.json.encode(submitted) if submitted else None,
        next_step=_next_step(head, members),
    )
