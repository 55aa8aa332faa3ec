"""What a client asks, and how a request is refused before or instead of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

_NAMES: Final = {"operation_name": "operationName", "document_id": "documentId"}


class OperationRequest(msgspec.Struct, frozen=True, rename=_NAMES):
    """The parameters of a GraphQL request, as every transport brings them; read from JSON in one step.

    Unknown parameters are ignored, as the specification of GraphQL over HTTP asks.
    """

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None
    """Names a document that the gateway was given, in place of `query`."""


class RequestError(Exception):
    """The operation cannot be run, or its stream cannot go on. `errors` are ready to be sent.

    `status` is the HTTP status where the client reads `application/graphql-response+json`; a client of plain
    `application/json` is told 200, unless the request was not even a GraphQL request (`is_well_formed` is False).
    """

    def __init__(self, errors: Sequence[dict[str, Any]], *, status: int = 400, is_well_formed: bool = True) -> None:
        super().__init__(errors[0]["message"] if errors else "")
        self.errors = tuple(errors)
        self.status = status
        self.is_well_formed = is_well_formed

    @classmethod
    def of(cls, code: str, message: str, *, status: int = 400, is_well_formed: bool = True) -> RequestError:
        """One error with a stable code."""
        return cls([error_of(code, message)], status=status, is_well_formed=is_well_formed)


class UnknownDocument(RequestError):
    """The request names a document that is not at hand; it may be elsewhere."""


def error_of(code: str, message: str, **extensions: object) -> dict[str, Any]:
    """A GraphQL error as it is sent."""
    return {"message": message, "extensions": {"code": code, **extensions}}
