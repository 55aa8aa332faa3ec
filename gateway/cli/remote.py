"""A running gateway as seen by the command line: questions by POST, streams by server-sent events."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from gateway.cli.refs import Ref
from gateway.cli.seen import FIELDS, Seen, of_answer

_TOKEN: Final = "BATCH_GATEWAY_TOKEN"  # noqa: S105 - the name of a variable
_PATIENCE: Final = 60.0
"""Seconds without a gateway after which a stream that was there before is given up."""
_SHORTEST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_AWAY: Final = frozenset({502, 503, 504})
_SUBSCRIPTION: Final = f"subscription ($refs: [BatchRef!]!) {{ batchUpdates(refs: $refs) {{{FIELDS}}} }}"


class GatewayError(Exception):
    """The gateway could not answer; the text says why."""


def add_url(parser: argparse.ArgumentParser) -> None:
    """Take `--url` and `--token`."""
    parser.add_argument("--url", type=_url, help="ask a running gateway instead: http://127.0.0.1:8000")
    parser.add_argument(
        "--token",
        type=_token,
        default=os.environ.get(_TOKEN, ""),
        help=f"the client's token for it (default: ${_TOKEN})",
    )


def _url(text: str) -> str:
    mistake = argparse.ArgumentTypeError("write the gateway's address as http://host:port")
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise mistake from None
    if not is_good:
        raise mistake
    return text if parts.path.strip("/") else f"{text.rstrip('/')}/graphql"


def _token(text: str) -> str:
    """The token without white space around it, as it can stand in a header. The empty one is none."""
    token = text.strip()
    if not token.isascii() or not token.isprintable():
        raise argparse.ArgumentTypeError(f"give the token (or ${_TOKEN}) as it was made: letters, digits and signs")
    return token


class _AwayError(Exception):
    """The gateway, or what stands before it, says that it is not there right now."""


class _CompleteError(Exception):
    """The gateway says that all is told. A stream that ends without these words is to be begun anew."""


class _Patience:
    """How long a gateway may be away: not at all until it was there once."""

    def __init__(self) -> None:
        self._until = 0.0
        self._pause = _SHORTEST_PAUSE

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until

    def renew(self) -> None:
        self._until = asyncio.get_running_loop().time() + _PATIENCE
        self._pause = _SHORTEST_PAUSE

    async def wait(self) -> None:
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)


class Gateway:
    """A gateway at an address; the token, where there is one, goes with every request."""

    def __init__(self, url: str, token: str | None, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    async def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The data of a query. Raises `GatewayError`."""
        try:
            answer = await self._client.post(
                self._url,
                json={"query": query, "variables": variables or {}},
                headers={**self._headers, "accept": "application/graphql-response+json, application/json"},
            )
        except httpx.HTTPError as error:
            raise GatewayError(self._unreachable(error)) from error
        return _data(answer.status_code, answer.content)

    async def updates(self, asked: Sequence[Ref]) -> AsyncGenerator[Seen, None]:
        """Updates of batches to the end of the last one; a stream that breaks off is begun anew.

        Raises `GatewayError` where the gateway cannot be reached at first, or no longer.
        """
        remaining = list(asked)
        patience = _Patience()
        while remaining:
            try:
                async with aclosing(self._stream(remaining)) as stream:
                    async for seen in stream:
                        patience.renew()
                        if seen.is_final:
                            remaining = [ref for ref in remaining if not is_of(seen, ref)]
                        yield seen
            except _CompleteError:
                return
            except (httpx.HTTPError, _AwayError) as error:
                if patience.is_over:
                    raise GatewayError(self._unreachable(error)) from error
            if remaining:
                await patience.wait()

    async def _stream(self, asked: Sequence[Ref]) -> AsyncGenerator[Seen, None]:
        body = {"query": _SUBSCRIPTION, "variables": {"refs": [_input(ref) for ref in asked]}}
        headers = {**self._headers, "accept": "text/event-stream"}
        async with self._client.stream("POST", self._url, json=body, headers=headers) as answer:
            if answer.status_code in _AWAY:
                raise _AwayError(str(answer.status_code))
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                _data(answer.status_code, await answer.aread())
                raise GatewayError(f"{self._url} does not stream: is it a batch-gateway?")
            async for event, data in _events(answer.aiter_lines()):
                if event == "complete":
                    raise _CompleteError
                yield of_answer(_data(200, data.encode())["batchUpdates"])

    def _unreachable(self, error: Exception) -> str:
        return f"{self._url} cannot be reached ({type(error).__name__}): is the gateway running there?"


@asynccontextmanager
async def gateway(url: str, token: str) -> AsyncGenerator[Gateway, None]:
    """The gateway at an address; an empty token is none."""
    limits = httpx.Timeout(30.0, read=None)
    async with httpx.AsyncClient(timeout=limits, trust_env=False) as client:
        yield Gateway(url, token or None, client)


def is_of(seen: Seen, ref: Ref) -> bool:
    """True where the update is of this reference; the gateway names the account that was left out."""
    head, _, batch_id = seen.ref.partition(":")
    source, _, account = head.partition("@")
    return (source, batch_id) == (ref.source, ref.id) and (not account or ref.account in {None, account})


def _input(ref: Ref) -> dict[str, Any]:
    named = {"account": ref.account} if ref.account is not None else {}
    return {"source": ref.source.upper().replace("-", "_"), "id": ref.id, **named}


def _data(status: int, body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
        errors = answer.get("errors") or ()
        words = "; ".join(str(error["message"]) for error in errors)
    except (ValueError, AttributeError, TypeError, KeyError):
        raise GatewayError(f"the gateway answered {status} with something else than GraphQL: check --url") from None
    if not answer.get("data"):
        raise GatewayError(words or f"the gateway answered {status} without data")
    return answer["data"]


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    event, data = "", list[str]()
    async for line in lines:
        if not line:
            if event or data:
                yield event, "\n".join(data)
            event, data = "", []
        elif line.startswith("event:"):
            event = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
