"""GraphQL errors as clients see them: stable codes, and nothing of the gateway's inside."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from typing import Any, Final

from graphql import GraphQLError

from adapters.errors import BatchError, ErrorCode
from gateway.engine.request import error_of

_log: Final = logging.getLogger(__name__)

BAD_USER_INPUT: Final = "BAD_USER_INPUT"
_LONGEST: Final = 1_000


def format_errors(errors: Iterable[GraphQLError]) -> list[dict[str, Any]]:
    """Errors of an execution, each with its place, its path and its code.

    What nobody foresaw and broke at one place, for each of a thousand items perhaps, is logged once.
    """
    seen: dict[object, dict[str, Any]] = {}
    return [_format(error, seen) for error in errors]


def format_refusals(errors: Iterable[GraphQLError], code: str) -> list[dict[str, Any]]:
    """Errors that a document or its variables earned: their words are GraphQL's own and say what to correct.

    They repeat what was sent, which may be long.
    """
    return [_placed(error, error_of(code, _shortened(error.message))) for error in errors]


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "…"


def format_exception(error: Exception) -> dict[str, Any]:
    """An error that has no place in the document: a stream that broke."""
    if isinstance(error, GraphQLError):
        return _format(error, {})
    return expected(error) or unexpected(error)


def expected(error: BaseException) -> dict[str, Any] | None:
    """The form of a foreseen error: one of a batch, or a GraphQL error that brings its code. None for any other."""
    if isinstance(error, BatchError):
        return _batch_error(error)
    if isinstance(error, GraphQLError) and isinstance((error.extensions or {}).get("code"), str):
        return {"message": error.message, "extensions": dict(error.extensions or {})}
    return None


def is_asked_to_end() -> bool:
    """In the handler of a cancellation: whether the task itself is to end. Else something that it waited for did."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def unexpected(error: BaseException, path: object = None) -> dict[str, Any]:
    """An error that nobody foresaw: the log has everything, the client an id that leads there."""
    error_id = secrets.token_hex(8)
    trace = (type(error), error, error.__traceback__)
    _log.error("engine.failed: %s at %s", error_id, path, exc_info=trace, extra={"fields": {"error_id": error_id}})
    message = f"Something went wrong inside the gateway. Its log tells more under {error_id}."
    return error_of(ErrorCode.INTERNAL.value, message, id=error_id)


def _format(error: GraphQLError, seen: dict[object, dict[str, Any]]) -> dict[str, Any]:
    cause = _cause(error)
    formatted = expected(cause)
    if formatted is None and isinstance(cause, GraphQLError) and cause.nodes:
        # raised by the executor and pointing at the document: an argument that cannot be read
        formatted = error_of(BAD_USER_INPUT, cause.message)
    if formatted is None:
        place = _place(cause)
        formatted = seen[place] = seen.get(place) or unexpected(cause, error.path)
    return _placed(error, formatted)


def _place(error: BaseException) -> tuple[type[BaseException], object, int]:
    """The line that raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error), trace and trace.tb_frame.f_code, trace.tb_lineno if trace else 0


def _cause(error: GraphQLError) -> Exception:
    """What was raised: the executor wraps errors to add their place, GraphQL errors too."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and expected(cause) is None and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _placed(error: GraphQLError, formatted: dict[str, Any]) -> dict[str, Any]:
    placed: dict[str, Any] = {"message": formatted["message"]}
    if error.locations:
        placed["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        placed["path"] = list(error.path)
    placed["extensions"] = formatted["extensions"]
    return placed


def _batch_error(error: BatchError) -> dict[str, Any]:
    formatted = error_of(error.code.value, error.message, isRetryable=error.retryable)
    if error.retry_after is not None:
        formatted["extensions"]["retryAfter"] = error.retry_after
    if error.source_message is not None:
        formatted["extensions"]["sourceMessage"] = error.source_message
    return formatted
