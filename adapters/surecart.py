"""SureCart: batches of API calls, and the single calls (operations) in them.

Grounds: [operation] https://developer.surecart.com/api-reference/batch-operations/retrieve ,
[batch] …/batches/retrieve , [list] …/batch-operations/list , [errors] …/errors , [limits] …/rate-limiting .
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

import msgspec
from msgspec import Raw
from pydantic import BaseModel, ConfigDict

from adapters import decoding, fields, truth
from adapters.answers import check_echo, check_shape, open_answer, segment
from adapters.base import Account, Answer, Asking, Request, Source, account_of
from adapters.credentials import Secret
from adapters.decoding import Opened
from adapters.errors import InvalidAnswer, Unauthenticated, UpstreamError
from adapters.failures import failure, failures
from adapters.fields import Count, RawJson, Seconds, Text, Whole
from adapters.model import Counts, Failure, Item, ItemHead, Items, ItemStatus, Operation, Outcome, Snapshot, Status
from adapters.model import Text as Words
from adapters.refusals import Advice, own_words, refusal_of
from adapters.words import fold, status, word

_BATCH_WORDS: Final[Mapping[str, Status]] = MappingProxyType(  # [batch]; there is no failed batch
    {"pending": Status.PENDING, "in_progress": Status.IN_PROGRESS, "completed": Status.COMPLETED}
)
_OPERATION_WORDS: Final[Mapping[str, Status]] = MappingProxyType(  # [operation]
    {**_BATCH_WORDS, "failed": Status.FAILED, "timed_out": Status.TIMED_OUT}
)
_ITEM_WORDS: Final[Mapping[Status, ItemStatus]] = MappingProxyType(
    {
        Status.PENDING: ItemStatus.PENDING,
        Status.IN_PROGRESS: ItemStatus.PENDING,
        Status.FAILED: ItemStatus.FAILED,
        Status.TIMED_OUT: ItemStatus.FAILED,
    }
)
_EXPLANATIONS: Final[Mapping[Status, Words]] = MappingProxyType(  # [operation]
    {
        Status.FAILED: Words(
            "SureCart met an error of its own and did not execute the operation: send it again.",
            "SureCart kendi içinde bir hatayla karşılaştı ve işlemi yürütmedi: tekrar gönderin.",
        ),
        Status.TIMED_OUT: Words(
            "The operation took longer than SureCart allows. It may have been executed in part: check the result "
            "before sending it again.",
            "İşlem, SureCart'ın izin verdiği süreyi aştı. Kısmen yürütülmüş olabilir: tekrar göndermeden önce sonucu "
            "kontrol edin.",
        ),
    }
)
_BATCH_KEYS: Final = ("id", "batch_operations_count", "finished_batch_operations_count", "batch_operations")
_OPERATION_KEYS: Final = ("id", "http_method", "path", "response_status")
_PAGE: Final = 100
"""Operations on one page, the most that the marketplace allows [list]."""
_MOST_PAGES: Final = 100

_BY_STATUS: Final[Mapping[int, Advice]] = MappingProxyType(
    {
        401: Advice(
            Unauthenticated,
            "refused the account's token ({status}): check token; it must be a secret token of this store",
        )
    }
)


class SureCartAccount(Account):
    """The secret API token of one store; live or test mode is a matter of the token."""

    base_url: str = "https://api.surecart.com"
    token: Secret


class _Own(BaseModel):
    """SureCart writes its keys in snake_case."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class SureCartBatch(_Own):
    """The batch, without its operations."""

    object: Text = None
    batch_operations_count: Count = None
    finished_batch_operations_count: Count = None
    created_at: Seconds = None
    updated_at: Seconds = None


class SureCartBatchOperation(_Own):
    """One operation: the call that was submitted, and what it answered."""

    object: Text = None
    http_method: Text = None
    path: Text = None
    query_params: RawJson = None
    body: RawJson = None
    response_status: Whole = None
    response_body: RawJson = None
    parent_batch_id: Text = None
    created_at: Seconds = None
    updated_at: Seconds = None


class SureCart:
    """Asks `GET /v1/batches/{id}` with its operations expanded, and `GET /v1/batch_operations/{id}`."""

    marketplace: ClassVar[str] = "surecart"
    title: ClassVar[str] = "SureCart"
    sources: ClassVar[tuple[Source, ...]] = (
        Source("surecart-batch", "A SureCart batch with all its operations", Operation.API_CALL),
        Source("surecart-operation", "One operation of a SureCart batch", Operation.API_CALL),
    )
    account: ClassVar[type[Account]] = SureCartAccount
    limit: ClassVar[str] = "75/10s"  # half of 150 per 10 seconds [limits]
    retention: ClassVar[int | None] = None

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Ask once for an operation or a small batch, and once more for each page that was not embedded."""
        own = account_of(SureCartAccount, account)
        headers = {"Authorization": f"Bearer {own.token.get_secret_value()}", "Accept": "application/json"}
        root, part = f"{own.base_url}/v1", segment(batch_id)
        if source == "surecart-operation":
            answer = yield Request("GET", f"{root}/batch_operations/{part}", headers)
            return _operation_answer(open_answer(answer, self.title), batch_id)
        answer = yield Request("GET", f"{root}/batches/{part}?expand%5B%5D=batch_operations", headers)
        opened = open_answer(answer, self.title)
        _check_kind(opened, batch_id, "batch", _BATCH_KEYS)
        operations = _Operations.embedded(opened)
        pages = f"{root}/batch_operations?batch_ids%5B%5D={part}&limit={_PAGE}&page="
        yield from _read_pages(operations, batch_id, pages, headers)
        return _batch(opened, operations, source, batch_id)

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """See `Adapter.refusal`. `http_status` in the body is a word [errors]: the real status counts."""
        return refusal_of(answer, self.title, by_status=_BY_STATUS)


def _check_kind(opened: Opened, asked: str, kind: str, keys: Iterable[str]) -> None:
    named = word(opened.members.get("object"))
    if named is None:
        check_shape(opened, tuple(keys), SureCart.title)
    elif fold(named) != kind:
        raise InvalidAnswer(
            f"SureCart answered with another kind of object than a {kind}: check the kind of batch",
            source_message=f"object: {named}",
        )
    check_echo(asked, opened.members.get("id"), SureCart.title)


@dataclass(slots=True)
class _Operations:
    """Operations by id as far as they are known, in the order in which the marketplace named them."""

    expected: int | None
    by_id: dict[str, Raw | None] = field(default_factory=dict[str, Raw | None])
    on_pages: set[str] = field(default_factory=set[str])
    from_pages: bool = False

    @classmethod
    def embedded(cls, opened: Opened) -> _Operations:
        """What the batch itself carries: a list object, a bare array, ids alone, or nothing."""
        pieces, listed = _listed(opened.members.get("batch_operations"))
        declared = fields.count(opened.members.get("batch_operations_count"))
        if declared is None:
            finished = fields.count(opened.members.get("finished_batch_operations_count")) or 0
            declared = listed if listed is not None or pieces is None else max(len(pieces), finished)
        operations = cls(expected=declared)
        operations.add(pieces or ())
        return operations

    def add(self, pieces: Iterable[Raw]) -> tuple[set[str], bool]:
        """Take operations over; their keys, and whether one was new."""
        keys: set[str] = set()
        found = False
        for piece in pieces:
            members = decoding.members(piece)
            key = fields.identity(members.get("id") if members else piece) or f"\n{len(self.by_id)}"
            keys.add(key)
            is_new = self.by_id.get(key) is None
            found = found or (is_new and bool(members))
            if is_new:
                self.by_id[key] = piece if members else None
        return keys, found

    def add_page(self, pieces: Iterable[Raw], *, is_full: bool) -> bool:
        """Take a page over; False where the next one cannot help.

        A full page of operations that were embedded already is none of that: the missing ones are behind it.
        """
        keys, found = self.add(pieces)
        is_another = not keys <= self.on_pages
        self.on_pages |= keys
        self.from_pages = self.from_pages or found
        return found or (is_full and is_another)

    @property
    def known(self) -> tuple[Raw, ...]:
        """The operations of which more than the id is known."""
        return tuple(piece for piece in self.by_id.values() if piece is not None)

    @property
    def are_complete(self) -> bool:
        """True where no operation is missing, as far as the marketplace tells their number."""
        return self.expected is not None and len(self.known) >= max(self.expected, len(self.by_id))


def _listed(piece: Raw | None) -> tuple[list[Raw] | None, int | None]:
    """The elements of a list object or a bare array, and the number that the list object tells."""
    pieces = decoding.elements(piece)
    if pieces is not None:
        return pieces, None
    members = decoding.members(piece)
    return decoding.elements(members.get("data")), fields.count(
        decoding.members(members.get("pagination")).get("count")
    )


def _read_pages(
    operations: _Operations, batch_id: str, pages: str, headers: Mapping[str, str]
) -> Generator[Request, Answer, None]:
    seen = 0
    for number in range(1, _MOST_PAGES + 1):
        if operations.are_complete:
            return
        answer = yield Request("GET", f"{pages}{number}", headers)
        page = _page(answer)
        seen += len(page.pieces)
        of_batch = (piece for piece in page.pieces if _is_of(batch_id, piece))
        # a page that does not tell how many fit on it may be as small as it likes
        goes_on = operations.add_page(of_batch, is_full=not page.limit or len(page.pieces) >= page.limit)
        if operations.expected is None:
            operations.expected = page.total
        is_short = operations.expected is None and len(page.pieces) < (page.limit or _PAGE)
        is_last = is_short if page.total is None else seen >= page.total
        if is_last or not goes_on:
            return


class _Page(NamedTuple):
    """The operations of one page; how many there are on all pages and how many fit on one, where that is told."""

    pieces: list[Raw]
    total: int | None
    limit: int | None


def _page(answer: Answer) -> _Page:
    """One page; a bare array is taken too."""
    text = answer.body.strip()
    page = Answer(answer.status, b'{"data":%b}' % text) if text.startswith(b"[") else answer
    members = open_answer(page, SureCart.title).members
    pieces = decoding.elements(members.get("data"))
    if pieces is None and bytes(members.get("data", b"")) != b"null":
        raise InvalidAnswer(
            "SureCart answered with something else than a list of operations: ask again",
            source_message=own_words(answer.body),
        )
    told = decoding.members(members.get("pagination"))
    return _Page(pieces or [], fields.count(told.get("count")), fields.count(told.get("limit")))


def _is_of(batch_id: str, piece: Raw) -> bool:
    parent = _parent(decoding.members(piece))
    return parent is None or fold(parent) == fold(batch_id)


def _parent(operation: Mapping[str, Raw]) -> str | None:
    """`batch` is an id, or the whole batch where it was expanded [operation]."""
    batch = operation.get("batch")
    return fields.identity(decoding.members(batch).get("id") or batch) if batch else None


def _batch(opened: Opened, operations: _Operations, source: str, batch_id: str) -> Snapshot:
    own = SureCartBatch.model_validate(opened.members)
    said = word(opened.members.get("status"))
    stands = status(said, _BATCH_WORDS)
    heads = tuple(_head(piece) for piece in operations.known)
    listed = truth.tally(heads)
    declared = Counts(own.batch_operations_count, pending=_unfinished(own))
    verdict = truth.judge(stands, listed, declared, all_listed=operations.are_complete)
    is_empty = stands is Status.COMPLETED and verdict.counts.total == 0
    return Snapshot(
        source=source,
        id=batch_id,
        operation=Operation.API_CALL,
        status=stands,
        source_status=said,
        outcome=Outcome.SUCCEEDED if is_empty else verdict.outcome,
        is_confirmed=truth.confirmed(stands, listed, declared, own.created_at, own.updated_at),
        is_settled=verdict.is_settled and (operations.are_complete or stands is not Status.COMPLETED),
        progress=verdict.progress,
        counts=verdict.counts,
        created_at=own.created_at,
        updated_at=own.updated_at,
        items=Items(heads, _item, is_complete=operations.are_complete),
        own=own,
        payload=_whole(opened, operations),
    )


def _unfinished(own: SureCartBatch) -> int | None:
    total, finished = own.batch_operations_count, own.finished_batch_operations_count
    return None if total is None or finished is None else max(0, total - finished)


def _whole(opened: Opened, operations: _Operations) -> bytes:
    """One batch object with the operations of all pages."""
    if not operations.from_pages:
        return opened.body
    return msgspec.json.encode({**opened.members, "batch_operations": list(operations.known)})


def _operation_answer(opened: Opened, asked: str) -> Snapshot:
    _check_kind(opened, asked, "batch_operation", _OPERATION_KEYS)
    return _operation(opened.members, asked, opened.body)


def _operation(members: Mapping[str, Raw], operation_id: str, payload: bytes) -> Snapshot:
    """An operation, which is a batch of one item: itself."""
    parent = _parent(members)
    own = SureCartBatchOperation.model_validate({**members, "parent_batch_id": parent})
    said = word(members.get("status"))
    stands = status(said, _OPERATION_WORDS)
    head = _head(Raw(payload))
    listed = truth.tally((head,))
    verdict = truth.judge(stands, listed, all_listed=True)
    told = bool(own.path or own.http_method or own.created_at or own.updated_at)
    return Snapshot(
        source="surecart-operation",
        id=operation_id,
        operation=Operation.API_CALL,
        status=stands,
        source_status=said,
        outcome=verdict.outcome,
        is_confirmed=told or stands in truth.TERMINAL,
        is_settled=verdict.is_settled,
        progress=verdict.progress,
        counts=verdict.counts,
        created_at=own.created_at,
        updated_at=own.updated_at,
        items=Items((head,), _item),
        own=own,
        payload=payload,
    )


def _head(piece: Raw) -> ItemHead:
    members = decoding.members(piece)
    said = word(members.get("status"))
    stands = status(said, _OPERATION_WORDS)
    answered = fields.whole(members.get("response_status"))
    item = _ITEM_WORDS.get(stands, ItemStatus.UNKNOWN)
    if stands is Status.COMPLETED and answered is not None:  # completed says that an answer came, not which
        item = ItemStatus.SUCCEEDED if 200 <= answered < 300 else ItemStatus.FAILED
    reasons = _reasons(stands, answered, members.get("response_body")) if item is ItemStatus.FAILED else ()
    return ItemHead(item, said, reasons, bytes(piece))


def _reasons(stands: Status, answered: int | None, body: Raw | None) -> tuple[Failure, ...]:
    """What the call answered, its own reason first and the fields that were wrong behind it."""
    members = decoding.members(body)
    code, message = (fields.identity(members.get(key)) for key in ("code", "message"))
    own = failure(code, message)
    if stands is not Status.COMPLETED:
        return (own._replace(explanation=_EXPLANATIONS[stands]),)
    said = tuple(dict.fromkeys(reason for reason in (own, *_details(members)) if reason.code or reason.message))
    words = own_words(bytes(body)) if body and (members or fields.text(body)) else None
    return said or (failure(f"HTTP {answered}", words),)


def _details(members: Mapping[str, Raw]) -> tuple[Failure, ...]:
    """`validation_errors` is an array in one documented sample and an object, by field, in another [errors]."""
    piece = members.get("validation_errors")
    listed = tuple(reason for part in decoding.elements(piece) or () for reason in failures(part))
    named = decoding.members(piece).items()
    return listed or tuple(_of_field(name, reason) for name, part in named for reason in failures(part))


def _of_field(name: str, reason: Failure) -> Failure:
    return reason._replace(message=f"{name}: {reason.message}") if reason.message else reason


def _item(index: int, head: ItemHead) -> Item:
    members = decoding.members(head.raw)
    operation = _operation(members, fields.identity(members.get("id")) or "", head.raw)
    method, path = (fields.text(members.get(key)) for key in ("http_method", "path"))
    submitted = {key: members[key] for key in ("http_method", "path", "query_params", "body") if key in members}
    return Item(
        index=index,
        status=head.status,
        source_status=head.source_status,
        failures=head.failures,
        key=path,
        title=" ".join(filter(None, (method, path))) or None,
        own=operation,
        payload=msgspec.json.encode(submitted) if submitted else None,
    )
