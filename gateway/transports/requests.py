"""GraphQL requests out of HTTP: a POST's JSON, or a GET's query string."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec

from gateway.engine.request import OperationRequest
from gateway.transports.negotiation import is_json
from gateway.transports.responses import Receive, Refusal, Scope

_read_request: Final = msgspec.json.Decoder(OperationRequest).decode
_read_object: Final = msgspec.json.Decoder(dict[str, Any] | None).decode


class Disconnected(Exception):  # nothing that has to be mended
    """The client left before its request was whole."""


async def read_post(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> OperationRequest:
    """The request in a body. Raises `Refusal`, or `Disconnected`."""
    content_type = headers.get(b"content-type")
    if content_type is None or not is_json(content_type):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Send the request as application/json in UTF-8.")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as it is, without a content encoding.")
    length = headers.get(b"content-length", b"0")
    if len(length) > 5 and (len(length) > 18 or int(length) > limit):
        raise _too_large(limit)  # before a client that waits for our consent (100-continue) sends it
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_rest(body, receive, limit)
    elif message["type"] == "http.disconnect":
        raise Disconnected
    if len(body) > limit:
        raise _too_large(limit)
    return decode(body)


async def _read_rest(start: bytes, receive: Receive, limit: int) -> bytes:
    body = bytearray(start)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


def decode(body: bytes) -> OperationRequest:
    """The request in JSON. Raises `Refusal` for anything else."""
    try:
        return _read_request(body)
    except (ValueError, RecursionError) as error:
        # msgspec's errors are ValueErrors that say where; UTF-8's and too deep nesting's say too much or nothing
        words = str(error) if isinstance(error, msgspec.MsgspecError) else "it is not UTF-8, or nested too deeply"
        raise Refusal(400, "BAD_REQUEST", f"The body is no GraphQL request in JSON: {words}.") from None


def read_get(scope: Scope, limit: int) -> OperationRequest:
    """The request in a query string. Raises `Refusal`."""
    query_string = cast("bytes", scope["query_string"])
    if len(query_string) > limit:
        raise Refusal(414, "URI_TOO_LONG", f"The query string is longer than {limit} bytes: use POST.")
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise Refusal(400, "BAD_REQUEST", "The query string is not URL-encoded UTF-8, or has too many parts.") from None
    given = dict(pairs)
    return OperationRequest(
        # an empty parameter is the same as none
        query=given.get("query") or None,
        variables=_object("variables", given),
        operation_name=given.get("operationName") or None,
        extensions=_object("extensions", given),
        document_id=given.get("documentId") or None,
    )


def _object(name: str, given: Mapping[str, str]) -> dict[str, Any] | None:
    text = given.get(name)
    if not text:
        return None
    try:
        return _read_object(text)
    except (ValueError, RecursionError):
        raise Refusal(400, "BAD_REQUEST", f"`{name}` is no JSON object.") from None


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "BODY_TOO_LARGE", f"The body is longer than {limit} bytes.")
