"""Whatever a marketplace sends: a snapshot that keeps the rules, or a typed error. Never another exception."""

from __future__ import annotations

import copy
import json
import random
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.base import Answer
from adapters.errors import UpstreamError
from adapters.model import ItemStatus, Outcome, Snapshot, Status
from adapters.registry import ADAPTERS, MARKETPLACE_OF, SOURCES
from tests.exchange import Recorded, account, recorded
from tests.test_adapters import check_snapshot

EXAMPLES: Final = 400
"""Of each property; one example goes through all seven sources, or mutates one recorded answer."""
CALM: Final = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

WORDS: Final = [
    *(
        "COMPLETED",
        "completed",
        " Completed ",
        "IN_PROGRESS",
        "in_progress",
        "PROCESSING",
        "FAILED",
        "failed",
        "SUCCESS",
    ),
    *("PARTIALLY_COMPLETED", "created", "running", "cancelled", "decline", "DECLINE", "pending", "timed_out", "done"),
    *("ready_for_sale", "waiting_vendor_approve", "missing_info", "partial", "WEIRD", "", "BATCH_NOT_EXIST", "50%"),
]
KEYS: Final = [
    *("status", "items", "products", "batchRequestId", "itemCount", "failedItemCount", "creationDate", "requestItem"),
    *("failureReasons", "poolState", "createdAt", "completedAt", "message", "errors", "key", "code", "batchStatus"),
    *("failCount", "successCount", "failedProducts", "ratio", "id", "object", "batch", "batch_operations", "data"),
    *("batch_operations_count", "finished_batch_operations_count", "response_status", "response_body", "pagination"),
    *("validation_errors", "count", "product", "barcode", "title", "images", "attributes", "path", "created_at"),
]
ODD_NUMBERS: Final = [
    0,
    1,
    -1,
    2,
    200,
    422,
    2**31,
    2**63,
    10**40,
    1.5,
    -0.0,
    1e308,
    5e-324,
    1736154265337,
    1776176511,
    10**18,
]
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(ODD_NUMBERS),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
    st.text(max_size=20),
    st.sampled_from(
        ["2026-03-02T12:15:00+03:00", "2026-03-02T12:15:00", "9999-12-31T23:59:59-23:59", "1", "0.5", "12,5"]
    ),
)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=8)
    ),
    max_leaves=40,
)
statuses = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 405, 422, 429, 500, 503, 999])
READABLE: Final = [one for one in recorded() if "error" not in one.expect]


def explore(source: str, batch_id: str, bodies: list[bytes], status: int = 200) -> Snapshot | UpstreamError:
    """Answer all that is asked, the last body again where more is asked, to the end."""
    adapter = ADAPTERS[MARKETPLACE_OF[source]]
    asking = adapter.ask(account(adapter.marketplace), source, batch_id)
    next(asking)
    for turn in range(200):
        answer = Answer(status, bodies[min(turn, len(bodies) - 1)])
        refusal = adapter.refusal(answer)
        if refusal is not None:
            return refusal
        try:
            asking.send(answer)
        except StopIteration as end:
            return end.value
        except UpstreamError as error:
            return error
    raise AssertionError("asks for ever")


def check(ending: Snapshot | UpstreamError) -> None:
    if isinstance(ending, Snapshot):
        check_snapshot(ending)
        check_grounds(ending)
    else:
        assert ending.message
        ending.message.encode()
        assert ending.source_message is None or len(ending.source_message.encode()) <= 3 * 500


def check_grounds(snapshot: Snapshot) -> None:
    """COMPLETED stands on a known word, or on items that have all ended."""
    if snapshot.status is not Status.COMPLETED:
        return
    said = (snapshot.source_status or "").strip().casefold()
    if snapshot.source == "trendyol" and snapshot.source_status is None:
        own = [head.status for head in snapshot.items.heads]
        assert own
        assert set(own) <= {ItemStatus.SUCCEEDED, ItemStatus.FAILED}
        assert snapshot.own.declared_item_count == len(own)
    elif snapshot.source == "mircate":
        assert said.startswith(("done", "complete", "finish", "succe", "partial"))
    else:
        assert said in {"completed", "partially_completed"}
    if snapshot.outcome is Outcome.SUCCEEDED and snapshot.source != "surecart-batch":
        assert snapshot.counts.total
        assert snapshot.counts.succeeded == snapshot.counts.total


@CALM
@given(documents, statuses)
def test_any_json(document: Any, status: int) -> None:
    body = json.dumps(document).encode()
    for source in SOURCES:
        check(explore(source, "batch-1", [body], status))


@CALM
@given(st.binary(max_size=200), statuses)
def test_any_bytes(body: bytes, status: int) -> None:
    for source in SOURCES:
        check(explore(source, "batch-1", [body], status))


@CALM
@given(st.sampled_from(READABLE), st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_mutation_of_a_recorded_answer(one: Recorded, dice: random.Random, times: int) -> None:
    bodies = [mutated(answer.body, dice, times) if answer.body else b"{}" for answer in one.answers]
    status = 200
    check(
        explore(one.source, one.id, bodies[-1:] if len(bodies) == 2 and one.marketplace == "idefix" else bodies, status)
    )


@CALM
@given(st.sampled_from(READABLE), st.randoms(use_true_random=False))
def test_any_damage_to_the_bytes_of_a_recorded_answer(one: Recorded, dice: random.Random) -> None:
    body = bytearray(one.answers[-1].body)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(body))
        match dice.randrange(4):
            case 0:
                body[at] = dice.randrange(256)
            case 1:
                del body[at : at + dice.randint(1, 30)]
            case 2:
                body[at:at] = dice.choice([b"\\ud800", b"\\", b'"', b"\xff", b"\x00", b"{", b"NaN", b"1e99999"])
            case _:
                body = body[: at + 1]
        if not body:
            break
    check(explore(one.source, one.id, [bytes(body)]))


@CALM
@given(st.sampled_from(READABLE), st.randoms(use_true_random=False))
def test_an_unknown_word_never_becomes_a_good_status(one: Recorded, dice: random.Random) -> None:
    """Words that nobody knows in the place of all status words: UNKNOWN, and not terminal."""
    words = iter(lambda: f"word{dice.randrange(10**6)}", None)
    bodies = [json.dumps(_reworded(json.loads(answer.body), words)).encode() for answer in one.answers if answer.body]
    ending = explore(one.source, one.id, bodies)
    if isinstance(ending, Snapshot) and ending.source_status is not None:
        assert ending.status is Status.UNKNOWN
        assert not ending.is_terminal
        assert one.marketplace == "mircate" or all(head.status is ItemStatus.UNKNOWN for head in ending.items.heads)


def _reworded(value: Any, words: Any) -> Any:
    if isinstance(value, dict):
        is_word = {"status", "batchStatus", "poolState"}
        return {
            key: next(words) if key in is_word and isinstance(part, str) else _reworded(part, words)
            for key, part in value.items()
        }
    return [_reworded(part, words) for part in value] if isinstance(value, list) else value


def mutated(body: bytes, dice: random.Random, times: int) -> bytes:
    """The document with some of its places changed, taken out, doubled or exchanged."""
    document = json.loads(body)
    for _ in range(times):
        places = list(_places(document))
        if not places:
            return json.dumps(document).encode()
        holder, key = dice.choice(places)
        match dice.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder[key] = dice.choice([None, True, [], {}, "", *ODD_NUMBERS])
            case 2:
                holder[key] = dice.choice(WORDS)
            case 3:
                other_holder, other_key = dice.choice(places)
                holder[key] = copy.deepcopy(other_holder[other_key])
            case _:
                holder[key] = str(holder[key]) if not isinstance(holder[key], str) else [holder[key]]
    return json.dumps(document).encode()


def _places(value: Any) -> Any:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
