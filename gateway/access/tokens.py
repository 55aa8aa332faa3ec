"""API tokens: kept as SHA-256 alone, and compared so that the time taken tells nothing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from gateway.access.members import Member, scope_of

PREFIX: Final = "bgw_"
"""In front of every token that is made here, so that scanners for leaked secrets can tell what they found."""


class ClientSettings(BaseModel):
    """`[[clients]]`: somebody who is let in by a token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=64, description="Unique; stands in logs and counts")
    token_sha256: str = Field(description="SHA-256 of the token in hex: `batch-gateway token` makes both")
    metrics: bool = Field(default=False, description="May read /metrics, whatever its accounts")
    accounts: tuple[str, ...] = Field(description='Names of the accounts it may use, or ["*"] for all')

    @field_validator("token_sha256")
    @classmethod
    def _is_digest(cls, value: str) -> str:
        if len(value) != 64 or not set(value.lower()) <= set("0123456789abcdef"):
            raise ValueError("must be the 64 hex digits that `batch-gateway token` prints, not the token itself")
        return value.lower()

    @field_validator("accounts")
    @classmethod
    def _sees_something(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and not info.data.get("metrics"):
            raise ValueError('must name at least one account, or be ["*"] for all; with metrics = true it may be empty')
        return value


def new_token() -> str:
    """A token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. It is random and long, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """Members by their tokens."""

    def __init__(self, clients: Iterable[ClientSettings]) -> None:
        self.members: Sequence[Member] = tuple(
            Member(client.name, scope_of(client.accounts), proof=client.token_sha256, reads_metrics=client.metrics)
            for client in clients
        )
        self._met: dict[str, Member] = {}
        """Who was found before, by the digest that was shown: one for each member at most."""

    def find(self, token: str) -> Member | None:
        """Whose token it is. Every client is compared, whatever is found, until the token was found good once."""
        given = digest(token)
        found = self._met.get(given)
        if found is not None:
            return found
        for member in self.members:
            if hmac.compare_digest(member.proof, given):
                found = member
        if found is not None:
            self._met[given] = found
        return found
