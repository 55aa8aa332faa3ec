"""Documents by their hash: those that clients register (automatic persisted queries) and those that are trusted."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from gateway.access.shared_documents import SharedDocuments
from gateway.engine.request import OperationRequest, RequestError, UnknownDocument

_VERSION: Final = 1
_HASH_LENGTH: Final = 64


class DocumentStoreSettings(BaseModel):
    """`[persisted]`: documents that clients may name by their hash."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    automatic: bool = Field(default=True, description="Whether clients may register documents (Apollo's protocol)")
    max: int = Field(default=1_000, ge=1, description="Registered documents kept, the longest unused out first")
    max_bytes: int = Field(default=4_000_000, ge=1, description="Their characters in all")
    trusted: str | None = Field(
        default=None, description="Trusted documents: a folder of .graphql files, or a manifest in JSON"
    )
    trusted_only: bool = Field(default=False, description="Run trusted documents and nothing else")


class Persisted:
    """Finds the text of what a request names, and keeps what clients register."""

    def __init__(self, settings: DocumentStoreSettings, trusted: Mapping[str, str]) -> None:
        self._settings = settings
        self.trusted: Mapping[str, str] = trusted
        """Texts by their ids, which are hashes or whatever a manifest calls them."""
        self.elsewhere: SharedDocuments | None = None
        """What all replicas know."""
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, request: OperationRequest) -> OperationRequest:
        """The request with its document's text. Raises `RequestError`."""
        key = _key(request)
        if key is not None:
            request = self._named(request, key)
        if self._settings.trusted_only and not self._is_trusted(request.query):
            raise RequestError.of("DOCUMENT_NOT_TRUSTED", "This gateway runs the documents that it was given alone.")
        return request

    async def seek(self, request: OperationRequest) -> None:
        """Fetch the document of a request that other replicas may know."""
        key = _key(request)
        if self.elsewhere is not None and key is not None and (text := await self.elsewhere.recall(key)) is not None:
            self._keep(key, text)

    def _named(self, request: OperationRequest, key: str) -> OperationRequest:
        text = self.trusted.get(key)
        if text is not None:
            if request.query is not None and request.query != text:
                raise _mismatch()
            return msgspec.structs.replace(request, query=text)
        if not self._settings.automatic or self._settings.trusted_only:
            raise RequestError.of("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        if request.query is None:
            return msgspec.structs.replace(request, query=self._recall(key))
        if hashlib.sha256(request.query.encode("utf-8", "surrogatepass")).hexdigest() != key:
            raise _mismatch()
        self._keep(key, request.query)
        if self.elsewhere is not None:
            self.elsewhere.keep(key, request.query)
        return request

    def _is_trusted(self, text: str | None) -> bool:
        return text is not None and digest(text) in self.trusted

    def _recall(self, key: str) -> str:
        text = self._kept.get(key)
        if text is None:
            # Apollo's clients look for these very words, or this code, and send the text then
            raise UnknownDocument.of("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        self._kept.move_to_end(key)
        return text

    def _keep(self, key: str, text: str) -> None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return
        if len(text) > self._settings.max_bytes:
            return
        self._kept[key] = text
        self._size += len(text)
        while len(self._kept) > self._settings.max or self._size > self._settings.max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)


def digest(text: str) -> str:
    """The name of a document that its text gives it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(request: OperationRequest) -> str | None:
    """The hash that a request names, or None for one that brings its text alone."""
    if request.document_id is not None:
        return request.document_id.removeprefix("sha256:")
    found = (request.extensions or {}).get("persistedQuery")
    if found is None:
        return None
    named = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    key = named.get("sha256Hash")
    if named.get("version") != _VERSION or not isinstance(key, str) or not key:
        raise RequestError.of(
            "BAD_REQUEST",
            "`extensions.persistedQuery` needs `version: 1` and the document's `sha256Hash`.",
            is_well_formed=False,
        )
    return key.lower() if len(key) == _HASH_LENGTH else key


def _mismatch() -> RequestError:
    return RequestError.of("PERSISTED_QUERY_MISMATCH", "provided sha does not match query", is_well_formed=False)
