"""What replicas tell each other: that a batch was read, or could not be, and that one of them has left."""

from __future__ import annotations

from typing import Final

import msgspec

from adapters.errors import BatchError, UpstreamError
from adapters.model import BatchRef


class Read(msgspec.Struct, array_like=True, frozen=True, tag=1):
    """A newer state of a batch is there to be fetched."""

    sender: str
    ref: tuple[str, str, str]


class Failed(msgspec.Struct, array_like=True, frozen=True, tag=2):
    """The replica whose turn it was could not read a batch."""

    sender: str
    ref: tuple[str, str, str]
    code: str
    message: str
    source_message: str | None
    retry_after: float | None
    status: int | None
    is_final: bool


class Left(msgspec.Struct, array_like=True, frozen=True, tag=3):
    """A replica has left, and its batches are to be taken over."""

    sender: str


News = Read | Failed | Left
_DECODER: Final = msgspec.msgpack.Decoder(News)


def write(news: News) -> bytes:
    """As bytes."""
    return msgspec.msgpack.encode(news)


def read(message: bytes) -> News | None:
    """The news, or None where it is none that is known here: a newer replica may say more."""
    try:
        return _DECODER.decode(message)
    except msgspec.DecodeError:
        return None


def key(ref: BatchRef) -> tuple[str, str, str]:
    """A batch as news name it."""
    return ref.source, ref.account, ref.id


def failed(sender: str, ref: BatchRef, error: BatchError, *, is_final: bool) -> Failed:
    """News of a failure. Its words have been cleared of secrets by the funnel."""
    status = error.status if isinstance(error, UpstreamError) else None
    words = (error.code.value, error.message, error.source_message, error.retry_after)
    return Failed(sender, key(ref), *words, status, is_final)


def error_of(news: Failed) -> BatchError | None:
    """The failure again, or None where its kind is not known here."""
    kind = _kinds(BatchError).get(news.code)
    if kind is None:
        return None
    if issubclass(kind, UpstreamError):
        return kind(news.message, source_message=news.source_message, retry_after=news.retry_after, status=news.status)
    return kind(news.message, source_message=news.source_message, retry_after=news.retry_after)


def _kinds(kind: type[BatchError]) -> dict[str, type[BatchError]]:
    kinds = {} if kind in {BatchError, UpstreamError} else {kind.code.value: kind}
    for narrower in kind.__subclasses__():
        kinds |= _kinds(narrower)
    return kinds
