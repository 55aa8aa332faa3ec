"""The adapter protocol: facts, requests out, answers in, a snapshot at the end. No I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from adapters.errors import UpstreamError
from adapters.model import Operation, Snapshot


class Request(msgspec.Struct, frozen=True, gc=False):
    """One call to a marketplace. `headers` hold secrets, so they stay out of the repr."""

    method: str
    url: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, url={self.url!r})"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What came back: status, headers (lower-case names) and the whole body, decompressed."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


Asking = Generator[Request, Answer, Snapshot]
"""Yields requests, is sent their answers, returns the snapshot. Driving it twice with equal answers gives equal
snapshots, so an answer that was kept can be read again later."""


class Account(BaseModel):
    """A configured seller account. Each adapter subclasses it with its credentials (`SecretStr`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    marketplace: str
    base_url: str
    limit: str | None = None

    def identity(self) -> tuple[str, ...]:
        """What tells this seller's answers from another's, without secrets: part of every stored key.

        All fields but the secret ones: the seller, the host, and what changes the answer, like a language.
        """
        told = {name: value for name, value in self if not isinstance(value, SecretStr) and name != "limit"}
        return tuple(f"{name}={value}" for name, value in sorted(told.items()))

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        url = url.rstrip("/")
        mistake = _mistake(url)
        if mistake:
            raise ValueError(mistake)
        return url


def _mistake(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is not an address: write https://host or https://host/path"
    if not is_address or not re.fullmatch(r"[!-~]+", url):
        return "is not an address: write https://host or https://host/path"
    if "@" in parts.netloc:
        return "must not hold a user or password: use the account's own keys for credentials"
    if "?" in url or "#" in url:
        return "must end with the path: remove what follows ? or #"
    return None


AnyAccount = TypeVar("AnyAccount", bound=Account)


def account_of(kind: type[AnyAccount], account: Account) -> AnyAccount:
    """The account as its adapter's own kind. Raises `TypeError` where it was paired with another adapter."""
    if not isinstance(account, kind):
        raise TypeError(f"account {account.name!r} is no {kind.__name__}")
    return account


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of batch that a marketplace hands out ids for."""

    name: str
    """As in REFs and keys: `idefix-fast-listing`. The GraphQL enum value is `IDEFIX_FAST_LISTING`."""
    description: str
    operation: Operation


class Adapter(Protocol):
    """What the rest of the gateway knows of a marketplace."""

    marketplace: ClassVar[str]
    title: ClassVar[str]
    sources: ClassVar[tuple[Source, ...]]
    account: ClassVar[type[Account]]
    limit: ClassVar[str]
    """Calls per window where the account sets none: half of the documented limit, `50/10s`."""
    retention: ClassVar[int | None]
    """Seconds that the marketplace keeps a batch, where it says so."""

    def ask(self, account: Account, source: str, batch_id: str) -> Asking:
        """Build the requests for one batch and read the answers.

        Raises `InvalidAnswer` (and other `UpstreamError`s) when an answer is not the marketplace's shape.
        """
        ...

    def refusal(self, answer: Answer) -> UpstreamError | None:
        """The error that this answer stands for, or None when `ask` is to see it. Called for every answer first."""
        ...
