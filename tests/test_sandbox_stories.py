"""What the sandbox plays, read by the gateway's own adapters: every story of every source, from start to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.errors import BatchError, ErrorCode
from adapters.model import TERMINAL, ItemStatus, Operation, Outcome, Snapshot, Status
from adapters.registry import SOURCES
from gateway.sandbox.accounts import Sample, sandbox_stories
from gateway.sandbox.reading import ScriptError, read_plays
from tests.sandbox_world import World, world

pytestmark = pytest.mark.anyio

SAMPLES = [sample for sample in sandbox_stories() if sample.story != "hanging"]
PROMISED = {"", "slow", "failed", "partly-failed", "no-status", "limited", "flaky", "gone"}
ENDLESS = {"stuck", "gone", "down", "refused", "wall", "garbled", "hollow", "nothing", "bad-request", "mixed-up"}
CODES = {
    "down": ErrorCode.UPSTREAM_UNAVAILABLE,
    "refused": ErrorCode.UNAUTHENTICATED_UPSTREAM,
    "wall": ErrorCode.FORBIDDEN_UPSTREAM,
    "garbled": ErrorCode.UPSTREAM_INVALID_ANSWER,
    "mixed-up": ErrorCode.UPSTREAM_INVALID_ANSWER,
    "nothing": ErrorCode.NOT_FOUND,
    "bad-request": ErrorCode.REJECTED_UPSTREAM,
}


async def look(w: World, source: str, batch_id: str) -> Snapshot | ErrorCode:
    try:
        return await w.read(source, batch_id)
    except BatchError as error:
        return error.code


async def ends(w: World, source: str, batch_id: str) -> Snapshot:
    """The state after two minutes, asked until a call comes through."""
    await look(w, source, batch_id)
    await w.clock.advance(120)
    for _ in range(4):
        found = await look(w, source, batch_id)
        if isinstance(found, Snapshot):
            return found
    raise AssertionError(f"{source}:{batch_id} never answered")


def expected(sample: Sample) -> ErrorCode:
    """What a story's answers are read as. Mircate has one word for a bad key and a closed door: 403."""
    is_403_for_keys = (sample.marketplace, sample.story) == ("mircate", "wall")
    return ErrorCode.UNAUTHENTICATED_UPSTREAM if is_403_for_keys else CODES[sample.story]


def test_every_source_plays_what_was_promised() -> None:
    assert {sample.source for sample in SAMPLES} == set(SOURCES)
    for source in SOURCES:
        assert {sample.story for sample in SAMPLES if sample.source == source} >= PROMISED


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.source}:{sample.id}")
async def test_every_story_ends_or_is_known_not_to(sample: Sample) -> None:
    source, story, batch_id = sample.source, sample.story, sample.id
    async with world() as w:
        if story in CODES:
            assert [await look(w, source, batch_id) for _ in range(3)] == [expected(sample)] * 3
        elif story == "gone":
            found = await look(w, source, batch_id)
            if isinstance(found, Snapshot):
                assert (found.status, found.is_confirmed) == (Status.IN_PROGRESS, False)
            else:
                assert found is ErrorCode.NOT_FOUND
        else:
            assert ((await ends(w, source, batch_id)).status in TERMINAL) == (story not in ENDLESS)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_usual_life_moves_and_succeeds_within_seconds(source: str) -> None:
    async with world() as w:
        seen = []
        for _ in range(7):
            seen.append(await w.read(source, "4b-63d27748b716c"))
            await w.clock.advance(1)
        assert seen[0].status in {Status.PENDING, Status.IN_PROGRESS}
        assert seen[2].status is Status.IN_PROGRESS
        assert seen[-1].status is Status.COMPLETED
        assert seen[-1].outcome is Outcome.SUCCEEDED
        progress = [one.progress for one in seen if one.progress is not None]
        assert progress == sorted(progress)
        assert seen[-1] == await w.read(source, "4b-63d27748b716c")


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"surecart-operation"}))
async def test_partly_failed_says_which_and_why(source: str) -> None:
    async with world() as w:
        end = await ends(w, source, "partly-failed-n1000-x")
        assert end.outcome is Outcome.PARTIALLY_SUCCEEDED
        assert end.counts == (1000, 750, 250, 0)
        failed = [item for item in end.items if item.status is ItemStatus.FAILED]
        assert len(failed) == 250
        assert all(item.key for item in failed)
        assert len({item.failures for item in failed}) >= 3


@pytest.mark.parametrize("source", SOURCES)
async def test_failed_has_no_item_that_succeeded(source: str) -> None:
    async with world() as w:
        end = await ends(w, source, "failed-x")
        assert end.outcome is Outcome.FAILED
        assert {item.status for item in end.items} == {ItemStatus.FAILED}


async def test_a_large_usual_batch_has_a_few_failures() -> None:
    async with world() as w:
        assert (await ends(w, "trendyol", "n1000-x")).counts == (1000, 980, 20, 0)


async def test_price_and_stock_goes_without_a_status() -> None:
    async with world() as w:
        seen = [await w.read("trendyol", "no-status-n20-x")]
        for _ in range(6):
            await w.clock.advance(1)
            seen.append(await w.read("trendyol", "no-status-n20-x"))
        assert {one.source_status for one in seen} == {None}
        assert [one.status for one in seen] == [Status.IN_PROGRESS] * 5 + [Status.COMPLETED] * 2
        assert seen[-1].operation is Operation.PRICE_AND_STOCK


async def test_what_waits_for_the_seller_says_so() -> None:
    async with world() as w:
        fast = await ends(w, "idefix-fast-listing", "approve-x")
        assert fast.next_step is not None
        assert fast.outcome is Outcome.SUCCEEDED
        created = await ends(w, "idefix-product-create", "approve-x")
        assert created.next_step is not None
        assert (created.outcome, created.is_settled) == (None, False)


async def test_operations_tell_their_batch() -> None:
    async with world() as w:
        batch = await ends(w, "surecart-batch", "ops-failed-n250-x")
        assert len(batch.items) == 250
        operation = batch.items[120].own
        assert isinstance(operation, Snapshot)
        assert await w.read("surecart-operation", operation.id) == operation
        assert getattr(operation.own, "parent_batch_id", None) == "ops-failed-n250-x"


SHOP = {
    "marketplace": "shop",
    "title": "A shop",
    "accounts": [{"name": "shop-demo", "key": "sandbox-shop-key"}],
    "doors": [{"header": "key", "value": "${key}", "answer": "refused"}],
    "routes": [{"path": "/jobs/{id}", "resource": "jobs"}],
    "resources": {
        "jobs": {
            "source": "shop",
            "batch": {"id": "${id}", "state": "${state.word}", "ended": "${state.ended}", "lines": "${items}"},
            "item": {"line": "${number}", "ok": "${fate.ok}", "label": "${label}", "note": 'a "${label}" of ${total}'},
            "states": {
                "queued": {"words": {"word": "new"}, "listed": "none"},
                "running": {"words": {"word": "busy"}, "listed": "done"},
                "done": {"words": {"word": "ready", "ended": "${completed:s}"}},
                "failed": {"words": {"word": "broken"}},
            },
            "fates": {"waiting": {}, "ok": {"ends": "good", "words": {"ok": True}}},
        }
    },
    "values": {"label": {"cycle": ["a", 'b"']}},
    "answers": {
        name: {"status": 404, "json": {"no": "${path}"}}
        for name in ("unknown", "refused", "limited", "server-error", "no-route", "not-allowed")
    },
}


def keep(folder: Path, script: object) -> Path:
    (folder / "shop").mkdir(exist_ok=True)
    (folder / "shop" / "story.json").write_text(json.dumps(script), encoding="utf-8")
    return folder


async def test_a_new_marketplace_is_one_file(tmp_path: Path) -> None:
    async with world(recorded=keep(tmp_path, SHOP)) as w:
        ask = {"url": "/shop/jobs/n2-x", "headers": {"key": "sandbox-shop-key"}}
        assert (await w.client.get(**ask)).json() == {"id": "n2-x", "state": "new", "lines": []}
        await w.clock.advance(2.5)
        assert [line["line"] for line in (await w.client.get(**ask)).json()["lines"]] == [1]
        await w.clock.advance(5)
        end = (await w.client.get(**ask)).json()
        assert (end["state"], end["ended"]) == ("ready", 1_767_225_604)
        assert sorted(line["label"] for line in end["lines"]) == ["a", 'b"']
        assert {line["note"] for line in end["lines"]} == {'a "a" of 2', 'a "b"" of 2'}
        assert (await w.client.get("/shop/jobs/x")).json() == {"no": "/jobs/x"}
        assert {sample["source"] for sample in (await w.client.get("/_sandbox/stories")).json()} == {"shop"}


async def test_the_guides_marketplace_can_be_played(tmp_path: Path) -> None:
    guide = (Path(__file__).parent.parent / "docs" / "sandbox.md").read_text(encoding="utf-8")
    script = json.loads(guide.split("```json\n")[1].split("```")[0])
    async with world(recorded=keep(tmp_path, script)) as w:
        ask = {"url": "/shop/jobs/partly-failed-n4-x", "headers": {"x-api-key": "sandbox-shop-key"}}
        await w.client.get(**ask)
        await w.clock.advance(5)
        end = (await w.client.get(**ask)).json()
        assert (end["state"], end["endedAt"]) == ("ready", "2026-01-01T03:00:04+03:00")
        assert [line.get("why") for line in end["lines"]] == [
            f"no price for {end['lines'][0]['sku']}",
            None,
            None,
            None,
        ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"marketplace": "other"}, "its folder 'shop'"),
        ({"doors": [{"header": "key", "answer": "nowhere"}]}, "no answer 'nowhere'"),
        ({"stories": {"x": {"about": "", "timeline": [{"state": "lost"}]}}}, "stories.x: no state 'lost'"),
        ({"stories": {"x": {"about": "", "timeline": [{"state": "done", "for": 1}]}}}, "last phase must stay"),
        ({"answers": {}}, "answers lacks 'unknown'"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_story_that_cannot_be_played_is_refused_in_words(tmp_path: Path, change: object, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        read_plays(keep(tmp_path, {**SHOP, **change}))  # type: ignore[dict-item]
