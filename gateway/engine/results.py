"""Results as they are sent: whatever happens while one is made, the client is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from graphql import ExecutionResult

from gateway.engine.errors import format_errors, is_asked_to_end, unexpected

_encode: Final = msgspec.json.Encoder().encode


def encoded(start: Callable[[], Any]) -> bytes | Awaitable[bytes]:
    """The encoded result of what `start` begins, at once where that is done. Fails only where the task is to end."""
    try:
        result = start()
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # whatever it is, the client is answered
        return _answered(error)
    return _encoded(result) if isinstance(result, ExecutionResult) else _finish(result)


async def _finish(executing: Awaitable[ExecutionResult]) -> bytes:
    try:
        return _encoded(await executing)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # whatever it is, the client is answered
        return _answered(error)


def _answered(error: BaseException) -> bytes:
    if isinstance(error, asyncio.CancelledError) and is_asked_to_end():
        raise error
    return _failure(error)


def _encoded(result: ExecutionResult) -> bytes:
    try:
        if result.errors:
            return _encode({"data": result.data, "errors": format_errors(result.errors)})
        return _encode({"data": result.data})
    except Exception as error:  # noqa: BLE001  # a value that is no JSON
        return _failure(error)


def _failure(error: BaseException) -> bytes:
    return _encode({"data": None, "errors": [unexpected(error)]})
