"""JSON Web Tokens of one issuer: signature, issuer, audience and times are checked, and what they say is believed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

import jwt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from adapters.clock import Clock
from gateway.access.jwks import Keys, KeysUnavailable
from gateway.access.members import Member, scope_of
from gateway.access.tokens import digest
from gateway.transports.clients import Unauthorized

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""Signatures by a private key that only the issuer has."""
UNAVAILABLE: Final = "AUTHENTICATION_UNAVAILABLE"
"""The error's code where tokens cannot be checked."""
_REMEMBERED: Final = 4_096
_LONGEST_NAME: Final = 120
_END_OF_TIME: Final = 1e12
# times are checked here, against the gateway's clock
_OPTIONS: Final[Any] = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "enforce_minimum_key_length": True,
}


class JwtSettings(BaseModel):
    """`[auth.jwt]`: whose tokens are believed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jwks: str = Field(min_length=1, description="The issuer's keys: an https address, or a file")
    issuer: str = Field(min_length=1, description="What `iss` must be")
    audience: str = Field(min_length=1, description="What `aud` must be or hold")
    accounts_claim: str = Field(
        default="accounts", min_length=1, description='The claim that names accounts: a list, or words; "*" is all'
    )
    leeway: float = Field(default=30.0, ge=0, le=600, description="Seconds by which clocks may differ")

    @field_validator("jwks")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if value.startswith("http://") and urlsplit(value).hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise ValueError("must begin with https://: whoever can change the keys on their way lets himself in")
        return value


class JwtVerifier:
    """Turns tokens into members. What was found good is remembered until its keys are read again."""

    def __init__(self, settings: JwtSettings, keys: Keys, clock: Clock) -> None:
        self.settings: Final = settings
        self._keys = keys
        self._clock = clock
        self._proof = "jwt:" + digest(settings.model_dump_json(exclude={"leeway"}))
        self._known: OrderedDict[str, Member] = OrderedDict()
        self._generation = 0

    @staticmethod
    def reads(token: str) -> bool:
        """True for what has the form of such a token."""
        return token.count(".") == 2

    @property
    def generation(self) -> int:
        """Another number where the issuer's keys were read again: who was let in before is looked at anew."""
        return self._keys.generation

    def vouches_for(self, member: Member) -> bool:
        """True for somebody who was let in by this issuer's token under these settings."""
        return member.proof == self._proof

    async def verify(self, token: str) -> Member | None:
        """Who the token lets in, or None. Raises `Unauthorized` where that cannot be said for want of keys."""
        key = digest(token)
        known = self._recall(key)
        if known is not None:
            return known if self._is_current(known) else None
        claims = await self._claims(token)
        member = None if claims is None else self._member(claims)
        if member is not None:
            self._known[key] = member
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return member

    def _recall(self, key: str) -> Member | None:
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._known.clear()
        # whoever comes with the same token all day would otherwise never hear that its key was taken back
        self._keys.refresh_behind()
        return self._known.get(key) if self._keys.are_trusted else None

    async def _claims(self, token: str) -> Mapping[str, Any] | None:
        try:
            header = jwt.get_unverified_header(token)
            key_id = header.get("kid")
            key = await self._keys.find(key_id if isinstance(key_id, str) else None)
            if key is None:
                return None
            settings = self.settings
            return cast(
                "Mapping[str, Any]",
                jwt.decode(
                    token,
                    key,
                    algorithms=ALGORITHMS,
                    audience=settings.audience,
                    issuer=settings.issuer,
                    options=_OPTIONS,
                ),
            )
        except KeysUnavailable:
            raise Unauthorized(
                "Tokens cannot be checked at the moment: try again.",
                code=UNAVAILABLE,
                status=503,
                close_code=1013,
                retry_after=5,
            ) from None
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _member(self, claims: Mapping[str, Any]) -> Member | None:
        now, leeway = self._clock.now().timestamp(), self.settings.leeway
        expiry = _time(claims.get("exp"))
        if expiry is None or expiry + leeway <= now:
            return None
        for name in ("nbf", "iat"):
            begins = _time(claims.get(name, 0))
            if begins is None or begins - leeway > now:
                return None
        accounts = _accounts(claims.get(self.settings.accounts_claim))
        return Member(_name(claims), scope_of(accounts), expiry + leeway, self._proof)

    def _is_current(self, member: Member) -> bool:
        return member.expires_at is None or member.expires_at > self._clock.now().timestamp()

    async def aclose(self) -> None:
        """Stop reading keys."""
        await self._keys.aclose()


def _time(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _END_OF_TIME:
        return float(value)
    return None


def _accounts(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list):
        return [name for name in cast("list[object]", claim) if isinstance(name, str)]
    return []


def _name(claims: Mapping[str, Any]) -> str:
    """The subject's name in the form in which it may stand in a log."""
    subject = claims.get("sub")
    name = quote(subject.encode("utf-8", "surrogatepass"), safe="@ .:|+-_") if isinstance(subject, str) else ""
    return f"jwt:{name if len(name) <= _LONGEST_NAME else digest(name)}"
