"""The contract: what holds for every adapter, and for every recorded answer of each."""

from __future__ import annotations

import gc
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.base import Account, Answer
from adapters.errors import ErrorCode, InvalidAnswer, UpstreamError
from adapters.model import Item, ItemStatus, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS, MARKETPLACE_OF, SOURCES
from tests.exchange import RECORDED, Recorded, account, answer, recorded, talk

ALL = recorded()
READ = [one for one in ALL if "error" not in one.expect]
REFUSED = [one for one in ALL if "error" in one.expect]


def each(chosen: list[Recorded]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", chosen, ids=[one.name for one in chosen])


every_adapter = pytest.mark.parametrize("marketplace", list(ADAPTERS))
every_source = pytest.mark.parametrize("source", list(SOURCES))


@each(ALL)
def test_asks_what_was_recorded(one: Recorded) -> None:
    asked = [_short(request.method, request.url, one.marketplace) for request in one.play().requests]
    assert asked == list(one.requests)


def _short(method: str, url: str, marketplace: str) -> str:
    return f"{method} /{url.split('/', 3)[3]}"


@each(READ)
def test_reads_what_is_expected(one: Recorded) -> None:
    snapshot = one.play().snapshot
    told = _told(snapshot)
    assert {key: told[key] for key in one.expect} == dict(one.expect)
    assert (snapshot.source, snapshot.id) == (one.source, one.id)


def _told(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot in the words of the recorded files."""
    reasons = [reason for head in snapshot.items.heads for reason in head.failures]
    times = ("created_at", "updated_at", "completed_at", "expires_at")
    return {
        "status": snapshot.status.value,
        "source_status": snapshot.source_status,
        "outcome": snapshot.outcome and snapshot.outcome.value,
        "operation": snapshot.operation.value,
        "is_confirmed": snapshot.is_confirmed,
        "is_settled": snapshot.is_settled,
        "is_complete": snapshot.items.is_complete,
        "progress": snapshot.progress,
        "counts": list(snapshot.counts),
        "next_step": snapshot.next_step is not None,
        "items": [[item.key, item.status.value] for item in snapshot.items],
        "failures": [[reason.code, reason.message] for reason in reasons],
        "explained": all(reason.explanation for reason in reasons),
        **{key: (moment := getattr(snapshot, key)) and moment.isoformat() for key in times},
    }


@each(REFUSED)
def test_refuses_with_the_expected_error(one: Recorded) -> None:
    error = one.play().error
    assert error.code.value == one.expect["error"]
    assert error.status == one.answers[-1].status
    if "source_message" in one.expect:
        assert one.expect["source_message"] == error.source_message or one.expect["source_message"] in str(
            error.source_message
        )


@each(READ)
def test_equal_answers_give_equal_snapshots(one: Recorded) -> None:
    first, second = one.play().snapshot, one.play().snapshot
    assert first == second
    assert list(first.items) == list(second.items)


@each(READ)
def test_keeps_the_rules_of_the_model(one: Recorded) -> None:
    check_snapshot(one.play().snapshot)


@each(READ)
def test_payload_is_the_answer(one: Recorded) -> None:
    payload = json.loads(one.play().snapshot.payload)
    last = next(part for part in one.answers if part.status == 200)
    assert set(payload) == set(json.loads(last.body)) | ({"batch_operations"} if len(one.answers) > 2 else set())


def check_snapshot(snapshot: Snapshot) -> None:
    """What holds for every snapshot, whatever the marketplace sent."""
    assert isinstance(snapshot.status, Status)
    assert snapshot.is_terminal or snapshot.outcome is None
    assert snapshot.progress is None or 0 <= snapshot.progress <= 1
    counts = snapshot.counts
    assert all(count is None or 0 <= count < 2**31 for count in counts)
    if counts.total is not None:
        assert sum(part or 0 for part in counts[1:]) <= counts.total
    for moment in (snapshot.created_at, snapshot.updated_at, snapshot.completed_at, snapshot.expires_at):
        assert moment is None or (isinstance(moment, datetime) and moment.tzinfo is UTC)
    if snapshot.outcome is Outcome.SUCCEEDED:
        assert all(head.status is ItemStatus.SUCCEEDED for head in snapshot.items.heads)
        assert not counts.failed
    if snapshot.outcome is Outcome.FAILED:
        assert all(head.status is not ItemStatus.SUCCEEDED for head in snapshot.items.heads)
    json.loads(snapshot.payload)
    assert len(snapshot.items) == len(list(snapshot.items)) == len(snapshot.items.heads)
    for index, item in enumerate(snapshot.items):
        check_item(index, item, snapshot)
    repr(snapshot)
    hash(snapshot.items)


def check_item(index: int, item: Item, snapshot: Snapshot) -> None:
    head = snapshot.items.heads[index]
    assert item.index == index
    assert (item.status, item.source_status, item.failures) == (head.status, head.source_status, head.failures)
    assert item.key is None or isinstance(item.key, str)
    assert item.title is None or isinstance(item.title, str)
    (item.key or "").encode(), (item.title or "").encode(), (item.source_status or "").encode()
    if item.payload is not None:
        json.loads(item.payload)
    for reason in item.failures:
        assert reason.code or reason.message or reason.explanation


@every_adapter
@pytest.mark.parametrize("body", [b"", b"{}", b"<html><title>Busy</title>", b"\xff\xfe", b"[" * 5000])
def test_every_http_status_has_its_meaning(marketplace: str, body: bytes) -> None:
    for status in range(100, 600):
        error = ADAPTERS[marketplace].refusal(Answer(status, body))
        if (marketplace, status) == ("idefix", 405) or (
            status // 100 == 2 and (marketplace, status) != ("mircate", 204)
        ):
            assert error is None
            continue
        assert isinstance(error, UpstreamError)
        assert error.status == status
        assert str(status) in error.message
        assert error.retry_after is None
        assert error.retryable == (status < 200 or 300 <= status < 400 or status in {408, 425, 429} or status >= 500)


@every_adapter
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (302, ErrorCode.UPSTREAM_INVALID_ANSWER),
        (400, ErrorCode.REJECTED_UPSTREAM),
        (401, ErrorCode.UNAUTHENTICATED_UPSTREAM),
        (404, ErrorCode.NOT_FOUND),
        (410, ErrorCode.NOT_FOUND),
        (422, ErrorCode.REJECTED_UPSTREAM),
        (429, ErrorCode.RATE_LIMITED),
        (500, ErrorCode.UPSTREAM_UNAVAILABLE),
        (504, ErrorCode.UPSTREAM_UNAVAILABLE),
        (599, ErrorCode.UPSTREAM_UNAVAILABLE),
    ],
)
def test_statuses_mean_the_same_everywhere(marketplace: str, status: int, code: ErrorCode) -> None:
    error = ADAPTERS[marketplace].refusal(Answer(status, b""))
    assert error is not None
    assert error.code is code


@every_adapter
def test_long_words_of_a_marketplace_are_cut(marketplace: str) -> None:
    error = ADAPTERS[marketplace].refusal(answer({"message": "x" * 100_000}, 500))
    assert error is not None
    assert error.source_message is not None
    assert len(error.source_message) <= 500


@every_adapter
def test_markup_is_not_shown(marketplace: str) -> None:
    page = b"  <!DOCTYPE html><html><head><title>Just a&nbsp;moment\n&amp; wait</title></head><script>evil()</script>"
    error = ADAPTERS[marketplace].refusal(Answer(503, page))
    assert error is not None
    assert error.source_message == "an HTML page: Just a moment & wait"


@every_source
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"5",
        b'"COMPLETED"',
        b"<html>",
        b"{",
        b'{"status": NaN}',
        b'{"status": "COMPLETED"} x',
        b'{"status": "COMPLETED", "a": "\xff"}',
        b'{"status": "COMPLETED", "a": "\xed\xa0\x80"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_object_is_an_invalid_answer(source: str, body: bytes) -> None:
    ending = talk(source, "batch-1", [Answer(200, body)]).error
    assert isinstance(ending, InvalidAnswer)
    assert ending.retryable


@every_source
@pytest.mark.parametrize("batch_id", ["a/b", "a b", "ş?x=1#y", "%2e%2e", "..", "a:b@c", "\N{PILE OF POO}"])
def test_an_id_stays_one_segment_of_the_path(source: str, batch_id: str) -> None:
    marketplace = MARKETPLACE_OF[source]
    request = next(ADAPTERS[marketplace].ask(account(marketplace), source, batch_id))
    plain = next(ADAPTERS[marketplace].ask(account(marketplace), source, "plain"))
    encoded = re.fullmatch(re.escape(plain.url).replace("plain", r"([!-~]+)"), request.url)
    assert encoded
    assert not set("/?#") & set(encoded[1])
    assert encoded[1] not in {".", ".."}


@every_adapter
def test_secrets_stay_out_of_reprs(marketplace: str) -> None:
    secrets = {"api_key": "planted-key", "api_secret": "planted-secret", "token": "planted-token"}
    kind = ADAPTERS[marketplace].account
    own = account(marketplace, **{key: value for key, value in secrets.items() if key in kind.model_fields})
    source = ADAPTERS[marketplace].sources[0].name
    request = next(ADAPTERS[marketplace].ask(own, source, "batch-1"))
    assert "planted" not in f"{own!r} {own} {request!r} {own.identity()}"
    assert "planted" not in request.url
    assert all(value.isascii() and value.isprintable() for value in request.headers.values())


@every_adapter
def test_an_account_of_another_marketplace_is_refused(marketplace: str) -> None:
    class Other(Account):
        pass

    other = Other(name="x", marketplace="other", base_url="https://other.example")
    with pytest.raises(TypeError, match="is no"):
        next(ADAPTERS[marketplace].ask(other, ADAPTERS[marketplace].sources[0].name, "1"))


@every_adapter
def test_facts(marketplace: str) -> None:
    adapter = ADAPTERS[marketplace]
    assert adapter.marketplace == marketplace
    assert re.fullmatch(r"[1-9]\d*/[1-9]\d*s", adapter.limit)
    assert all(source.name.split("-")[0] == marketplace for source in adapter.sources)
    assert issubclass(adapter.account, Account)
    assert adapter.title
    assert all(source.description for source in adapter.sources)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "apigw.trendyol.com",
        "ftp://host",
        "https://",
        "https://user:pw@host",
        "https://host?x=1",
        "https://host#x",
        "https://ho st",
        "https://host/\n",
        "https://host:99999",
        "https://höst.example",
    ],
)
@every_adapter
def test_a_bad_base_url_is_refused_without_showing_it(marketplace: str, base_url: str) -> None:
    with pytest.raises(ValueError, match="base_url") as caught:
        account(marketplace, base_url=base_url)
    assert "user:pw" not in str(caught.value)


@every_adapter
def test_a_base_url_may_end_with_a_slash(marketplace: str) -> None:
    own = account(marketplace, base_url="http://127.0.0.1:8001/some/path/")
    request = next(ADAPTERS[marketplace].ask(own, ADAPTERS[marketplace].sources[0].name, "1"))
    assert request.url.startswith("http://127.0.0.1:8001/some/path/")
    assert "//" not in request.url.removeprefix("http://")


def test_files_registry_and_folders_name_the_same_marketplaces() -> None:
    assert {path.name for path in RECORDED.iterdir() if path.is_dir()} == set(ADAPTERS)


@every_adapter
def test_each_marketplace_has_a_handful_of_recorded_answers(marketplace: str) -> None:
    files = [one for one in ALL if one.marketplace == marketplace]
    assert 6 <= len(files) <= 10
    assert {one.source for one in files} <= {source.name for source in ADAPTERS[marketplace].sources}
    assert all(MARKETPLACE_OF[one.source] == marketplace for one in files)


@every_source
def test_each_source_has_a_recorded_answer(source: str) -> None:
    assert any(one.source == source for one in ALL)


def test_a_snapshot_is_little_to_walk_through_for_the_garbage_collector() -> None:
    """Thousands are kept. Two objects are the envelope's model; the others are failures, and what is SureCart's own."""
    gc.collect()
    before = len(gc.get_objects())
    kept = [one.play().snapshot for one in READ for _ in range(30)]
    gc.collect()
    walked = (len(gc.get_objects()) - before) / len(kept)
    assert walked < 5, kept[0]
