"""JSON Web Tokens: what is believed, what is not, and what becomes of them when keys or clocks move."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.access.authentication import Doorkeeper
from gateway.access.jwks import COOLDOWN, LIFETIME, LONGEST_TRUST, Keys, loader
from gateway.access.jwt import JwtSettings, JwtVerifier
from gateway.access.members import Member
from gateway.transports.clients import Credentials, Unauthorized
from gateway.transports.limits import TransportLimits
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SETTINGS = JwtSettings(jwks="https://id.test/keys", issuer="https://id.test/", audience="gateway")
NOW = 1_767_225_600
"""Where the virtual clock starts."""


def public(key: Any, key_id: str | None, **more: Any) -> dict[str, Any]:
    kind = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    algorithm: Any = next((a for k, a in kind.items() if isinstance(key, k)), OKPAlgorithm)
    found = json.loads(algorithm.to_jwk(key.public_key()))
    return {**found, **({} if key_id is None else {"kid": key_id}), "use": "sig", **more}


def token(key: Any = RSA, key_id: str | None = "a", algorithm: str = "RS256", **claims: Any) -> str:
    body = {"iss": SETTINGS.issuer, "aud": SETTINGS.audience, "exp": NOW + 60, "sub": "ada", "accounts": ["shop"]}
    given = {name: value for name, value in {**body, **claims}.items() if value is not None}
    return jwt.encode(given, key, algorithm=algorithm, headers={} if key_id is None else {"kid": key_id})


class Issuer:
    """An address of keys that counts who asks."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.keys = list(keys) or [public(RSA, "a")]
        self.asked = 0
        self.answer: Callable[[], bytes] = lambda: json.dumps({"keys": self.keys}).encode()
        self.verifier = JwtVerifier(SETTINGS, Keys(self.load, self.clock), self.clock)

    async def load(self) -> bytes:
        self.asked += 1
        return self.answer()


async def test_a_good_token_names_its_client_and_accounts() -> None:
    member = await Issuer().verifier.verify(token())
    assert member is not None
    assert (member.name, member.scope.accounts, member.expires_at) == ("jwt:ada", frozenset(["shop"]), NOW + 90)


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        (["a", "b"], {"a", "b"}),
        ("a b", {"a", "b"}),
        ("*", None),
        (["*"], None),
        ([], set()),
        (None, set()),
        (5, set()),
        ([5, "a"], {"a"}),
        ({"a": 1}, set()),
    ],
)
async def test_the_claim_of_accounts(accounts: Any, expected: set[str] | None) -> None:
    member = await Issuer().verifier.verify(token(accounts=accounts))
    assert member is not None
    assert member.scope.accounts == (None if expected is None else frozenset(expected))


@pytest.mark.parametrize(
    "bad",
    [
        token(iss="https://evil.test/"),
        token(iss=None),
        token(aud="other"),
        token(aud=None),
        token(exp=None),
        token(exp=NOW - 31),
        token(exp="soon"),
        token(exp=True),
        token(nbf=NOW + 31),
        token(iat=NOW + 31),
        token(iat="now"),
        token(OTHER),
        token(key_id="unknown"),
        token()[:-4] + "AAAA",
        token().rpartition(".")[0] + ".",
        "a.b.c",
        "..",
        "é.é.é",
        "." * 2 + "x" * 10_000,
        jwt.encode({"iss": SETTINGS.issuer, "aud": "gateway", "exp": NOW + 60}, "", algorithm="none"),
        jwt.encode({"iss": SETTINGS.issuer, "aud": "gateway", "exp": NOW + 60}, "k" * 32, headers={"kid": "a"}),
    ],
)
async def test_bad_tokens_let_nobody_in(bad: str) -> None:
    issuer = Issuer()
    assert await issuer.verifier.verify(bad) is None
    assert await issuer.verifier.verify(bad) is None


async def test_clocks_may_differ_by_the_leeway() -> None:
    for claims in ({"exp": NOW - 29}, {"nbf": NOW + 29}, {"iat": NOW + 29}):
        assert await Issuer().verifier.verify(token(**claims)) is not None


async def test_a_token_that_was_good_ends_with_its_time() -> None:
    issuer = Issuer()
    assert await issuer.verifier.verify(token())
    await issuer.clock.advance(89)
    assert await issuer.verifier.verify(token())
    await issuer.clock.advance(2)
    assert await issuer.verifier.verify(token()) is None


async def test_other_kinds_of_keys() -> None:
    curve, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    issuer = Issuer(public(curve, "ec"), public(edwards, "ed"), public(RSA, "ps", alg="PS256"))
    assert await issuer.verifier.verify(token(curve, "ec", "ES256"))
    assert await issuer.verifier.verify(token(edwards, "ed", "EdDSA"))
    assert await issuer.verifier.verify(token(RSA, "ps", "PS256"))
    assert await issuer.verifier.verify(token(RSA, "ps", "RS256")) is None


async def test_a_shared_secret_in_the_key_set_is_no_key() -> None:
    secret = {"kty": "oct", "kid": "s", "k": "a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U", "alg": "HS256"}
    issuer = Issuer(secret, public(RSA, "a"))
    signed = jwt.encode(
        {"iss": SETTINGS.issuer, "aud": "gateway", "exp": NOW + 60},
        b"keykeykeykeykeykeykeykeykeykeyke",
        "HS256",
        {"kid": "s"},
    )
    assert await issuer.verifier.verify(signed) is None


async def test_without_a_key_id_only_an_only_key_is_tried() -> None:
    assert await Issuer().verifier.verify(token(key_id=None))
    assert await Issuer(public(RSA, "a"), public(OTHER, "b")).verifier.verify(token(key_id=None)) is None


async def test_a_new_key_is_fetched_when_it_first_turns_up() -> None:
    issuer = Issuer()
    assert await issuer.verifier.verify(token())
    issuer.keys = [public(OTHER, "b")]
    assert await issuer.verifier.verify(token(OTHER, "b")) is None
    await issuer.clock.advance(COOLDOWN)
    assert await issuer.verifier.verify(token(OTHER, "b"))
    assert await issuer.verifier.verify(token()) is None, "a key that was taken back is not used any more"
    assert issuer.asked == 2


async def test_unknown_key_ids_make_nobody_ask_the_issuer_more_often() -> None:
    issuer = Issuer()
    for number in range(200):
        assert await issuer.verifier.verify(token(OTHER, f"made-up-{number}")) is None
    assert issuer.asked == 1
    await issuer.clock.advance(COOLDOWN)
    for number in range(200):
        await issuer.verifier.verify(token(OTHER, f"made-up-too-{number}"))
    assert issuer.asked == 2


async def test_old_keys_are_read_again_behind_the_answer() -> None:
    issuer = Issuer()
    assert await issuer.verifier.verify(token(exp=NOW + 10_000))
    await issuer.clock.advance(LIFETIME + 1)
    assert await issuer.verifier.verify(token(exp=NOW + 10_001))
    await issuer.clock.settle()
    assert issuer.asked == 2
    await issuer.verifier.aclose()


async def test_a_token_that_comes_all_day_ends_with_its_key() -> None:
    issuer, known = Issuer(), token(exp=NOW + 10**6)
    for _ in range(3):
        assert await issuer.verifier.verify(known)
    issuer.keys = [public(OTHER, "a")]
    await issuer.clock.advance(LIFETIME + 1)
    assert await issuer.verifier.verify(known)
    await issuer.clock.settle()
    assert await issuer.verifier.verify(known) is None
    await issuer.verifier.aclose()


async def test_an_issuer_that_is_away_costs_nobody_a_session_for_a_day() -> None:
    issuer = Issuer()
    assert await issuer.verifier.verify(token(exp=NOW + 10**6))

    def fail() -> bytes:
        raise OSError("away")

    issuer.answer = fail
    await issuer.clock.advance(LONGEST_TRUST - 1)
    assert await issuer.verifier.verify(token(exp=NOW + 10**6, jti="x"))
    await issuer.clock.settle()
    await issuer.clock.advance(2)
    with pytest.raises(Unauthorized) as caught:
        await issuer.verifier.verify(token(exp=NOW + 10**6, jti="y"))
    with pytest.raises(Unauthorized, match="cannot be checked"):  # one that is known, too
        await issuer.verifier.verify(token(exp=NOW + 10**6, jti="x"))
    assert (caught.value.status, caught.value.code, caught.value.close_code) == (
        503,
        "AUTHENTICATION_UNAVAILABLE",
        1013,
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": [5]}', b"[" * 100_000, b"\xff"])
async def test_a_broken_key_set_is_none(body: bytes) -> None:
    issuer = Issuer()
    issuer.answer = lambda: body
    with pytest.raises(Unauthorized):
        await issuer.verifier.verify(token())


@pytest.mark.parametrize("subject", ["a\nb", 'a"b', "a" * 500, "\u2028", "\ud800", 5, None])
async def test_names_from_tokens_are_harmless_in_a_log(subject: Any) -> None:
    issuer = Issuer()
    made = {"iss": SETTINGS.issuer, "aud": "gateway", "exp": NOW + 60}
    claims = made if subject is None or isinstance(subject, int) else {**made, "sub": subject}
    member = await issuer.verifier.verify(jwt.encode(claims, RSA, "RS256", {"kid": "a"}))
    assert member is not None
    assert member.name.isascii()
    assert member.name.isprintable()
    assert len(member.name) < 150


async def test_keys_from_a_file_an_address_and_the_setting(tmp_path: Path) -> None:
    keys = json.dumps({"keys": [public(RSA, "a")]})
    path = tmp_path / "keys.json"
    path.write_text(keys)

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/moved":
            return httpx.Response(302, headers={"location": "https://id.test/keys"})
        if request.url.path == "/large":
            return httpx.Response(200, content=b" " * 300_000)
        return httpx.Response(200, text=keys)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        for place in (str(path), "https://id.test/keys", keys):
            assert json.loads(await loader(place, client)()) == json.loads(keys)
        for place in ("https://id.test/moved", "https://id.test/large", str(tmp_path / "none")):
            with pytest.raises((ValueError, OSError, httpx.HTTPError)):
                await loader(place, client)()


@pytest.mark.parametrize(
    ("place", "is_safe"),
    [
        ("https://id.test/keys", True),
        ("keys.json", True),
        ("http://127.0.0.1/keys", True),
        ("http://127.0.0.1:81/keys", True),
        ("http://localhost/keys", True),
        ("http://[::1]:81/keys", True),
        ("http://id.test/keys", False),
        ("http://127.0.0.1:81@id.test/keys", False),
        ("http://localhost.id.test/keys", False),
        ("http://[id.test/keys", False),
    ],
)
async def test_keys_come_over_a_way_that_nobody_else_writes_on(place: str, is_safe: bool) -> None:
    try:
        JwtSettings(jwks=place, issuer="https://id.test/", audience="gateway")
    except ValueError:
        assert not is_safe
    else:
        assert is_safe


async def test_tokens_of_the_issuer_and_ours_side_by_side() -> None:
    issuer = Issuer()
    door = Doorkeeper((), issuer.verifier, issuer.clock, is_local=False, limits=TransportLimits())
    member = await door(Credentials({b"authorization": f"Bearer {token()}".encode()}))
    assert isinstance(member, Member)
    assert not door.is_out(member)
    ticket = door.tickets.issue(member)
    await issuer.clock.advance(59)
    assert await door(Credentials({}, f"ticket={ticket}".encode())) == member
    door.replace((), None)
    assert door.is_out(member)
    with pytest.raises(Unauthorized):
        await door(Credentials({b"authorization": f"Bearer {token()}".encode()}))


async def test_tickets_end_after_a_minute() -> None:
    issuer = Issuer()
    door = Doorkeeper((), issuer.verifier, issuer.clock, is_local=False, limits=TransportLimits())
    member = await issuer.verifier.verify(token())
    assert member is not None
    ticket = door.tickets.issue(member)
    await issuer.clock.advance(61)
    with pytest.raises(Unauthorized):
        await door(Credentials({}, f"ticket={ticket}".encode()))
    assert len(door.tickets) == 0
