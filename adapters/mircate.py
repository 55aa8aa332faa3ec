"""Mircate: results of merchant stock and price imports.

Grounds: [page] Check Batch Status at https://docs.mircate.com , [errors] https://docs.mircate.com/doc-667640 . The page
names the fields, all optional, and none of their values: every word and every form of `ratio` below is inferred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from msgspec import Raw
from pydantic import BeforeValidator, Field, StringConstraints

from adapters import decoding, fields, truth
from adapters.answers import check_shape, open_answer, segment
from adapters.base import Account, Answer, Asking, Request, Source, account_of
from adapters.credentials import Secret
from adapters.decoding import Opened
from adapters.errors import NotFound, Unauthenticated, UpstreamError
from adapters.failures import failure, failures
from adapters.fields import Count, RawJson, Text, Whole, Wire
from adapters.model import Counts, Failure, Item, ItemHead, Items, ItemStatus, Operation, Snapshot, Status
from adapters.refusals import Advice, refusal_of, refuse
from adapters.words import fold, word

_WORDS: Final[Mapping[str, Status]] = MappingProxyType(
    {
        **dict.fromkeys(("pending", "queued", "queue", "inqueue", "waiting"), Status.PENDING),
        **dict.fromkeys(("processing", "inprogress", "running"), Status.IN_PROGRESS),
        **dict.fromkeys(("done", "complete", "completed", "finish", "finished"), Status.COMPLETED),
        **dict.fromkeys(("success", "successful", "succeeded"), Status.COMPLETED),
        **dict.fromkeys(("fail", "failed", "failure", "error", "errored"), Status.FAILED),
    }
)
_PARTIAL: Final = re.compile(r"partial(?!.*(processing|progress|pending|queue|running|waiting))")
"""`partial`, `partially_completed`, `partial success`: ended, unless the rest of the word says that it goes on."""
_KEYS: Final = (
    *("batchStatus", "failCount", "successCount", "failedProducts"),
    *("ratio", "pushPriceFrequency", "bulkOperationType"),
)
_PRODUCT_KEYS: Final = ("barcode", "sku", "stockCode", "merchantSku", "productCode", "productId", "code", "id")
_PRODUCT_TITLES: Final = ("title", "name", "productName")
_REASONS: Final = (
    *("failureReasons", "failureReason", "failReason", "errors", "reasons"),
    *("error", "errorMessage", "reason", "message", "description"),
)
_CODES: Final = ("errorCode", "failureCode")

_BY_STATUS: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        204: Advice(NotFound, "knows nothing of this batch ({status}): check the id and the account"),  # [errors]
        403: Advice(  # [errors]: a bad or insufficient key; 401 is not used
            Unauthenticated,
            "refused the account's key ({status}): check api_key, that it is for merchant imports, and that "
            "base_url ends with this merchant's project",
        ),
    }
)

_NUMBER: Final = r"[0-9]{1,12}(?:[.,][0-9]{1,12})?"
_PART_OF: Final = re.compile(rf"({_NUMBER})\s*/\s*({_NUMBER})")
_PERCENT: Final = re.compile(rf"%\s*({_NUMBER})|({_NUMBER})\s*%")
_PLAIN: Final = re.compile(rf"({_NUMBER})")


def _spelling(said: str) -> str:
    return re.sub(r"[\s_-]+", "", fold(said))


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


class MircateAccount(Account):
    """A merchant's project (the last part of `base_url` names it) and its key."""

    api_key: Secret
    status_words: dict[
        Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)],
        Annotated[Status, BeforeValidator(_upper)],
    ] = Field(default_factory=dict[str, Status])
    """Words of this project beside the known ones: `{ "BITTI" = "COMPLETED" }`."""


class MircateBatch(Wire):
    """The whole answer, without the failed products."""

    batch_status: Text = None
    ratio: Text = None
    push_price_frequency: Whole = None
    bulk_operation_type: Text = None
    failed_products: RawJson = None
    success_count: Count = None
    fail_count: Count = None


class MircateItem(Wire):
    """A failed product; its members are not documented."""

    product: RawJson = None


class Mircate:
    """Asks `GET {base_url}/CALL/MerchantImportJob/checkBatchStatus/{BATCH_ID}` [page]."""

    marketplace: ClassVar[str] = "mircate"
    title: ClassVar[str] = "Mircate"
    sources: ClassVar[tuple[Source, ...]] = (
        Source("mircate", "Mircate merchant stock and price imports", Operation.PRICE_AND_STOCK),
    )
    account: ClassVar[type[Account]] = MircateAccount
    limit: ClassVar[str] = "20/10s"  # no limit is documented
    retention: ClassVar[int | None] = None

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Ask once; see `Adapter.ask`."""
        own = account_of(MircateAccount, account)
        url = f"{own.base_url}/CALL/MerchantImportJob/checkBatchStatus/{segment(batch_id)}"
        headers = {"x-api-key": own.api_key.get_secret_value(), "Accept": "application/json"}
        answer = yield Request("GET", url, headers)
        return _snapshot(open_answer(answer, self.title), own, source, batch_id)

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """See `Adapter.refusal`."""
        if answer.status == 204:
            return refuse(answer, self.title, _BY_STATUS[204])
        return refusal_of(answer, self.title, by_status=_BY_STATUS)


def _snapshot(opened: Opened, account: MircateAccount, source: str, batch_id: str) -> Snapshot:
    if opened.members:  # an empty object is an answer too, as no field is required [page]
        check_shape(opened, _KEYS, Mircate.title)
    own = MircateBatch.model_validate(opened.members)
    said = word(opened.members.get("batchStatus"))
    stands = _status(said, account.status_words)
    pieces = decoding.elements(opened.members.get("failedProducts"))
    heads = tuple(_head(piece) for piece in pieces or () if bytes(piece) != b"null")
    listed = truth.tally(heads)
    failed = len(heads) if own.fail_count is None and pieces is not None else own.fail_count
    declared = Counts(succeeded=own.success_count, failed=failed)
    verdict = truth.judge(stands, listed, declared, all_listed=False)
    progress = read_ratio(own.ratio)
    return Snapshot(
        source=source,
        id=batch_id,
        operation=Operation.PRICE_AND_STOCK,
        status=stands,
        source_status=said,
        outcome=verdict.outcome,
        is_confirmed=truth.confirmed(stands, listed, declared) or bool(progress),
        is_settled=verdict.is_settled,
        progress=progress,
        counts=verdict.counts,
        items=Items(heads, _item, is_complete=False),
        own=own,
        payload=opened.body,
    )


def _status(said: str | None, own_words: Mapping[str, Status]) -> Status:
    if said is None:
        return Status.UNKNOWN
    spelling = _spelling(said)
    for own_word, stands in own_words.items():
        if _spelling(own_word) == spelling:
            return stands
    return Status.COMPLETED if _PARTIAL.match(spelling) else _WORDS.get(spelling, Status.UNKNOWN)


def read_ratio(ratio: str | None) -> float | None:
    """Progress from 0 to 1, where the text can be read in one way only.

    With a percent sign or above 1 it is percent, below 1 a fraction; `50/100` is a part of a whole; a plain `1` could
    be one percent or all.
    """
    said = (ratio or "").strip()
    if found := _PART_OF.fullmatch(said):
        part, whole = _decimal(found[1]), _decimal(found[2])
        return float(part / whole) if 0 < whole >= part else None
    if found := _PERCENT.fullmatch(said):
        return _percent(_decimal(found[1] or found[2]))
    if not (found := _PLAIN.fullmatch(said)):
        return None
    number = _decimal(found[1])
    if number == 1:
        return None
    return float(number) if number < 1 else _percent(number)


def _decimal(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "."))


def _percent(number: Decimal) -> float | None:
    return float(number / 100) if number <= 100 else None


def _head(piece: Raw) -> ItemHead:
    return ItemHead(ItemStatus.FAILED, None, _reasons(decoding.members(piece)), bytes(piece))


def _reasons(product: Mapping[str, Raw]) -> tuple[Failure, ...]:
    code = next((said for key in _CODES if (said := fields.identity(product.get(key)))), None)
    for key in _REASONS:
        found = failures(product[key]) if key in product else ()
        if code and len(found) == 1 and found[0].code is None:
            return (failure(code, found[0].message),)
        if found:
            return found
    return (failure(code, None),) if code else ()


def _item(index: int, head: ItemHead) -> Item:
    product = decoding.members(head.raw)
    named = (fields.identity(product.get(key)) for key in _PRODUCT_KEYS)
    titled = (fields.text(product.get(key)) for key in _PRODUCT_TITLES)
    return Item(
        index=index,
        status=head.status,
        source_status=head.source_status,
        failures=head.failures,
        key=next(filter(None, named), None) if product else fields.identity(Raw(head.raw)),
        title=next(filter(None, titled), None),
        own=MircateItem(product=head.raw),
        payload=head.raw,
    )
