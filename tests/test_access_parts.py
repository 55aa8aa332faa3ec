"""The parts of access, each by itself: documents by hash, answers that browsers keep, proxies, rates, settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.access.members import network_of
from gateway.access.persisted import DocumentStoreSettings, Persisted
from gateway.access.proxies import Proxies
from gateway.access.rates import Rates
from gateway.access.refusals import Refusals
from gateway.access.tokens import Tokens, digest, new_token
from gateway.access.trusted import TrustedError, read_trusted
from gateway.config.mistakes import SettingsError
from gateway.engine.request import OperationRequest, RequestError
from gateway.sandbox.app import create_sandbox
from gateway.settings import load_settings, make_settings
from tests.access_world import RESPONSE, Running, bearer, client, code, hear, let_in, running, say, settings
from tests.live_server import serve, until
from tests.running import Run, run
from tests.virtual_clock import VirtualClock

__all__ = ["run"]
pytestmark = pytest.mark.anyio

HELLO = "{ __typename }"
KEY = hashlib.sha256(HELLO.encode()).hexdigest()
APQ = {"persistedQuery": {"version": 1, "sha256Hash": KEY}}


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[str]:
    with serve(create_sandbox()) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture(scope="module")
def world(sandbox: str) -> Iterator[Running]:
    with running(settings(sandbox)) as world:
        yield world


def request(query: str | None, key: str | None) -> OperationRequest:
    extensions = None if key is None else {"persistedQuery": {"version": 1, "sha256Hash": key}}
    return OperationRequest(query=query, extensions=extensions)


def test_automatic_persisted_queries_over_http_and_get(world: Running) -> None:
    query = "{ __typename a: __typename }"
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha(query)}}
    for accept, status in ((RESPONSE, 400), ("application/json", 200)):
        unknown = world.ask(json={"extensions": named}, headers={"accept": accept})
        assert (unknown.status_code, code(unknown)) == (status, "PERSISTED_QUERY_NOT_FOUND")
        assert unknown.json()["errors"][0]["message"] == "PersistedQueryNotFound"
    expected = {"data": {"__typename": "Query", "a": "Query"}}
    assert world.post(query, extensions=named).json() == expected
    assert world.ask(json={"extensions": named}).json() == expected
    assert world.ask("GET", params={"extensions": json.dumps(named)}).json() == expected
    wrong = world.post(HELLO, extensions=named)
    assert (wrong.status_code, code(wrong)) == (400, "PERSISTED_QUERY_MISMATCH")


def test_automatic_persisted_queries_over_a_socket(world: Running) -> None:
    query = "{ __typename b: __typename }"
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha(query)}}
    with world.socket() as socket:
        let_in(socket)
        say(socket, type="subscribe", id="1", payload={"extensions": named})
        assert hear(socket)["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        for number, payload in (("2", {"query": query, "extensions": named}), ("3", {"extensions": named})):
            say(socket, type="subscribe", id=number, payload=payload)
            assert hear(socket)["payload"] == {"data": {"__typename": "Query", "b": "Query"}}
            assert hear(socket)["type"] == "complete"


@pytest.mark.parametrize(
    "named", [5, "x", [], {}, {"version": 2, "sha256Hash": KEY}, {"version": 1}, {"version": 1, "sha256Hash": 5}]
)
def test_malformed_hashes_are_the_clients_fault(world: Running, named: Any) -> None:
    answer = world.ask(json={"extensions": {"persistedQuery": named}})
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


def test_what_is_registered_is_bounded() -> None:
    kept = Persisted(DocumentStoreSettings(max=3, max_bytes=100), {})
    for number in range(50):
        text = f"{{ a{number} }}"
        kept(request(text, sha(text)))
        assert len(kept) <= 3
    kept(request("x" * 101, sha("x" * 101)))
    kept(request("y" * 90, sha("y" * 90)))
    assert len(kept) <= 3
    with pytest.raises(RequestError, match="PersistedQueryNotFound"):
        kept(request(None, sha("{ a0 }")))
    assert kept(request(None, sha("y" * 90).upper())).query == "y" * 90


def test_registering_can_be_switched_off() -> None:
    kept = Persisted(DocumentStoreSettings(automatic=False), {})
    for text in (None, HELLO):
        with pytest.raises(RequestError, match="PersistedQueryNotSupported"):
            kept(request(text, KEY))
    assert kept(request(HELLO, None)).query == HELLO


def test_trusted_documents_and_nothing_else(sandbox: str, tmp_path: Path) -> None:
    (tmp_path / "hello.graphql").write_text(HELLO + "\n")
    with running(settings(sandbox, persisted={"trusted": str(tmp_path), "trusted_only": True})) as world:
        expected = {"data": {"__typename": "Query"}}
        for body in ({"extensions": APQ}, {"documentId": f"sha256:{KEY}"}, {"query": HELLO}):
            assert world.ask(json=body).json() == expected
        assert world.ask("GET", params={"documentId": KEY}).json() == expected
        other = "{ __typename x: __typename }"
        for body in ({"query": other}, {"documentId": sha(other)}, {"query": other, "documentId": KEY}):
            answer = world.ask(json=body)
            assert code(answer) in {
                "DOCUMENT_NOT_TRUSTED",
                "PERSISTED_QUERY_NOT_SUPPORTED",
                "PERSISTED_QUERY_MISMATCH",
            }
        with world.socket() as socket:
            let_in(socket)
            say(socket, type="subscribe", id="1", payload={"query": other})
            assert hear(socket)["payload"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
            say(socket, type="subscribe", id="2", payload={"documentId": KEY})
            assert hear(socket)["payload"] == expected


@pytest.mark.parametrize(
    "manifest",
    [
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "one", "body": HELLO}]},
        {"one": HELLO},
    ],
)
def test_manifests_of_the_usual_tools(tmp_path: Path, manifest: Any) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    assert read_trusted(path) == {"one": HELLO, KEY: HELLO}


@pytest.mark.parametrize("content", ["", "[]", "5", '{"a": 5}', '{"operations": [{}]}', "{}", "[" * 100_000])
def test_manifests_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(TrustedError):
        read_trusted(tmp_path / "m.json")


LAST = '{ batch(ref: {source: TRENDYOL, id: "%s"}) { ... on NormalizedBatch { status isTerminal } } }'


def ended(world: Running, batch_id: str, headers: dict[str, str] | None = None) -> dict[str, str]:
    """The query of a batch that has ended."""
    params = {"query": LAST % batch_id}

    def is_terminal() -> bool:
        answer = world.ask("GET", params=params, headers=headers).json()
        return answer["data"]["batch"]["isTerminal"]

    until(is_terminal)
    return params


def test_answers_about_ended_batches_may_be_kept(sandbox: str) -> None:
    clients = [client("one", "t1", "trendyol-demo"), client("two", "t2", "mircate-demo")]
    with running(settings(sandbox, clients=clients)) as world:
        moving = world.ask("GET", params={"query": LAST % "slow-etag"}, headers=bearer("t1"))
        assert "etag" not in moving.headers
        assert moving.headers["cache-control"] == "no-store"
        params = ended(world, "done-etag-1", bearer("t1"))
        answer = world.ask("GET", params=params, headers=bearer("t1"))
        tag = answer.headers["etag"]
        assert answer.headers["cache-control"] in {"private, max-age=60", "private, no-cache"}
        assert {"Accept", "Authorization"} <= {part.strip() for part in answer.headers["vary"].split(",")}
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = world.ask("GET", params=params, headers={**bearer("t1"), "if-none-match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert world.ask("GET", params=params, headers={**bearer("t1"), "if-none-match": '"x"'}).status_code == 200
        other = world.ask("GET", params=params, headers={**bearer("t1"), "accept": RESPONSE})
        assert other.headers["etag"] != tag
        # what one client may keep says nothing to another
        hidden = world.ask("GET", params=params, headers={**bearer("t2"), "if-none-match": tag})
        assert (hidden.status_code, code(hidden), hidden.headers.get("etag")) == (200, "UNKNOWN_ACCOUNT", None)
        assert world.ask("GET", params=params, headers={"if-none-match": tag}).status_code == 401
        assert "etag" not in world.post(params["query"], bearer("t1")).headers


def test_the_answer_is_the_same_however_it_comes_about(world: Running) -> None:
    """Made for this request, made to be shared, or shared."""
    answers = [world.ask("GET", params={"query": LAST % "done-etag-4"}) for _ in range(5)]
    assert len({answer.headers["etag"] for answer in answers}) == 1
    assert {answer.headers["cache-control"] for answer in answers} <= {"private, max-age=60", "private, no-cache"}


def test_answers_with_anything_else_are_kept_by_nobody(world: Running) -> None:
    ended(world, "done-etag-2")
    for query in (
        "{ __typename }",
        "{ marketplaces { accounts { budgetLeft } } }",
        (LAST % "done-etag-2").replace("{ batch", "{ marketplaces { marketplace } batch", 1),
        '{ batch(ref: {source: TRENDYOL, id: "a/b"}) { __typename } }',
        (LAST % "done-etag-2").replace(
            "{ batch", '{ x: batch(ref: {source: TRENDYOL, id: "slow-e"}) { __typename } batch', 1
        ),
    ):
        answer = world.ask("GET", params={"query": query})
        assert "etag" not in answer.headers, query
        assert answer.headers["cache-control"] == "no-store"


def test_a_cdn_may_keep_them_where_that_is_wanted(sandbox: str) -> None:
    with running(settings(sandbox, server={"cache_shared": True, "cache_max_age": 5})) as world:
        answer = world.ask("GET", params=ended(world, "done-etag-3"))
        assert answer.headers["cache-control"] in {"public, max-age=5", "public, no-cache"}
        assert "Authorization" in answer.headers["vary"]


def test_nobody_keeps_what_a_ticket_was_answered(sandbox: str) -> None:
    given = settings(sandbox, clients=[client("one", "t1", "*")], server={"cache_shared": True})
    with running(given) as world:
        params = ended(world, "done-etag-5", bearer("t1"))
        assert "public" in world.ask("GET", params=params, headers=bearer("t1")).headers["cache-control"]
        ticket = world.ask(path="/graphql/ticket", headers=bearer("t1")).json()["ticket"]
        answer = world.ask("GET", params={**params, "ticket": ticket})
        assert answer.json()["data"]["batch"]["isTerminal"]
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1," * 1000, "10.0.0.1"),
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),
        ("10.0.0.1", "fe80::1%eth0 said by a client", "fe80::1"),
        # as a socket for IPv4 and IPv6 tells its peers
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "6.6.6.6, ::ffff:203.0.113.7, ::ffff:10.0.0.2", "203.0.113.7"),
        ("::ffff:203.0.113.9", "6.6.6.6", "::ffff:203.0.113.9"),
    ],
)
def test_forwarded_addresses(peer: str, forwarded: str, expected: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https")]
    scope: Any = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    seen = Proxies(["10.0.0.0/8"]).resolve(scope)
    assert seen["client"][0] == expected
    assert seen["scheme"] == ("https" if ":10." in f":{peer}" else "http")


def test_whom_an_address_stands_for() -> None:
    assert network_of("203.0.113.7") == network_of("::ffff:203.0.113.7") == "203.0.113.7"
    assert network_of("::ffff:203.0.113.8") != network_of("::ffff:203.0.113.7")
    assert network_of("2001:db8::1") == network_of("2001:db8::2") == "2001:db8::/64"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert network_of(None) == network_of("nonsense") == "unknown"


async def test_rates_hold_for_each_client_by_itself() -> None:
    for each in (5, 200):
        rates = Rates(each, VirtualClock())
        granted = {name: sum([await rates.take(name) for _ in range(each * 3)]) for name in ("a", "b")}
        for number in granted.values():
            # the window may turn while the test runs
            assert each * 0.9 <= number <= each * 2


def test_refusals_are_counted_for_each_address_and_forgotten() -> None:
    clock = VirtualClock()
    refusals = Refusals(3, clock)
    assert [refusals.add("203.0.113.7") for _ in range(5)] == [None] * 3 + [60, 60]
    assert refusals.add("203.0.113.8") is None
    for last in range(4):  # one network of IPv6
        waits = refusals.add(f"2001:db8::{last}")
    assert waits == 60
    for number in range(20_000):
        refusals.add(f"10.{number // 65_536}.{number // 256 % 256}.{number % 256}")
    assert len(refusals) == 10_000
    again = Refusals(0, clock)
    assert again.add(None) == 60


async def test_refusals_end_with_the_minute() -> None:
    clock = VirtualClock()
    refusals = Refusals(1, clock)
    waits: list[int | None] = []
    for _ in range(4):
        waits.append(refusals.add("203.0.113.7"))
        await clock.advance(25)
    assert waits == [None, 35, 10, None]


def test_tokens_are_long_unlike_and_kept_as_digests() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) > 40 for token in tokens)
    token = tokens.pop()
    made = make_settings({"clients": [client("a", token, "*")]})
    assert token not in repr(made)
    assert Tokens(made.clients).find(token) is not None
    assert Tokens(made.clients).find(token + "x") is None


def test_the_command_prints_the_line_and_the_token(run: Run) -> None:
    done = run("token")
    line, token = done.out.splitlines()
    assert line == f'token_sha256 = "{digest(token)}"'
    assert token not in done.err


def mistakes(tmp_path: Path, text: str) -> str:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    return "\n".join(str(mistake) for mistake in caught.value.mistakes)


def test_every_mistake_about_access_is_told_at_once(tmp_path: Path) -> None:
    told = mistakes(
        tmp_path,
        """
        [server]
        cors_origins = ["*"]
        trusted_proxies = ["nowhere"]
        profile = "prod"
        [[clients]]
        name = "a"
        token_sha256 = "my-secret-token"
        accounts = ["*"]
        [[clients]]
        name = "a"
        token_sha256 = "%s"
        accounts = []
        [[clients]]
        name = "jwt:x"
        tokn = "x"
        [auth.jwt]
        jwks = "http://id.example/keys"
        issuer = ""
        """
        % ("0" * 64),
    )
    for words in (
        "server.cors_origins",
        "server.trusted_proxies",
        "server.profile",
        "clients[0].token_sha256",
        "clients[1].name",
        "clients[1].accounts",
        "clients[2].name",
        "clients[2].tokn",
        "clients[2].token_sha256",
        "auth.jwt.jwks",
        "auth.jwt.issuer",
        "auth.jwt.audience",
    ):
        assert words in told, told
    assert "my-secret-token" not in told


def test_clients_name_accounts_that_are_there(tmp_path: Path) -> None:
    row = f'[[clients]]\nname = "a"\ntoken_sha256 = "{"0" * 64}"\naccounts = ["main-shp"]\n'
    shop = '[[accounts]]\nname = "main-shop"\nmarketplace = "surecart"\ntoken = "x-long"\n'
    assert "did you mean main-shop" in mistakes(tmp_path, row + shop)


def test_other_machines_need_clients_or_a_word(tmp_path: Path) -> None:
    assert "server.host" in mistakes(tmp_path, '[server]\nhost = "0.0.0.0"\n')
    row = {"clients": [client("a", "t", "*")], "server": {"host": "0.0.0.0"}}  # noqa: S104
    assert make_settings(row).asks_for_tokens
    assert make_settings({"server": {"host": "0.0.0.0", "allow_anonymous": True}}).server.allow_anonymous  # noqa: S104


def test_a_profile_changes_defaults_and_nothing_that_is_set() -> None:
    production = make_settings({"server": {"profile": "production"}})
    assert not production.server.graphiql
    assert not production.documents.introspection
    assert not production.documents.suggestions
    kept = make_settings({"server": {"profile": "production"}, "documents": {"introspection": True}})
    assert kept.documents.introspection
    assert not kept.documents.suggestions


def test_paths_start_at_the_configurations_folder(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.graphql").write_text(HELLO)
    (tmp_path / "keys.json").write_text("{}")
    path = tmp_path / "gateway.toml"
    path.write_text(
        '[persisted]\ntrusted = "docs"\n[auth.jwt]\njwks = "keys.json"\nissuer = "i"\naudience = "a"\n',
        encoding="utf-8",
    )
    found = load_settings(path, {})
    assert found.persisted.trusted == str(tmp_path / "docs")
    assert found.auth.jwt is not None
    assert found.auth.jwt.jwks == str(tmp_path / "keys.json")
