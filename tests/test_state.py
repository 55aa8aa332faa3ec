"""Which of two readings is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.model import BatchRef, Counts, ItemHead, Items, ItemStatus, Operation, Outcome, Snapshot, Status
from gateway.core.state import State, changed_items, is_forgotten, merge, next_version

REF = BatchRef("trendyol", "shop", "b-1")
START = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(status: Status, **facts: object) -> Snapshot:
    defaults: dict[str, object] = {"is_confirmed": True, "payload": status.value.encode()}
    return Snapshot("trendyol", "b-1", Operation.OTHER, status, **(defaults | facts))  # type: ignore[arg-type]


def state(read: Snapshot, at: float, old: State | None = None) -> State:
    when = START + timedelta(seconds=at)
    return State(REF, read, (), when, at, next_version(old, when))


def test_a_later_reading_replaces_an_earlier_one() -> None:
    old = state(snapshot(Status.PENDING), 0)
    new = state(snapshot(Status.IN_PROGRESS), 1, old)
    assert merge(old, new) is new
    assert new.version > old.version


def test_an_earlier_reading_never_replaces_a_later_one() -> None:
    late = state(snapshot(Status.IN_PROGRESS), 5)
    assert merge(late, state(snapshot(Status.PENDING), 4, late)) is late


def test_a_wall_clock_that_jumps_back_does_not_make_readings_old() -> None:
    old = state(snapshot(Status.PENDING), 3600)
    new = replace(state(snapshot(Status.IN_PROGRESS), 10, old), checked=3601.0)
    assert merge(old, new) is new
    assert new.version > old.version


def test_an_unchanged_reading_keeps_the_version_and_moves_the_time() -> None:
    old = state(snapshot(Status.IN_PROGRESS), 0)
    kept = merge(old, state(snapshot(Status.IN_PROGRESS), 3, old))
    assert kept.version == old.version
    assert kept.fetched_at == START + timedelta(seconds=3)


def test_a_terminal_state_never_turns_back() -> None:
    done = state(snapshot(Status.COMPLETED, outcome=Outcome.SUCCEEDED), 0)
    kept = merge(done, state(snapshot(Status.IN_PROGRESS), 9, done))
    assert kept.snapshot is done.snapshot
    assert kept.fetched_at == done.fetched_at
    assert kept.checked == 9


def test_a_settled_end_never_becomes_another_end() -> None:
    done = state(snapshot(Status.COMPLETED, outcome=Outcome.SUCCEEDED), 0)
    assert merge(done, state(snapshot(Status.FAILED), 9, done)).snapshot.status is Status.COMPLETED


def test_an_unsettled_end_may_be_refined() -> None:
    done = state(snapshot(Status.COMPLETED, is_settled=False), 0)
    refined = snapshot(Status.COMPLETED, outcome=Outcome.SUCCEEDED)
    assert merge(done, state(refined, 9, done)).snapshot is refined


def test_what_was_confirmed_stays_confirmed() -> None:
    real = state(snapshot(Status.IN_PROGRESS, counts=Counts(total=3)), 0)
    kept = merge(real, state(snapshot(Status.IN_PROGRESS, is_confirmed=False), 9, real))
    assert kept.snapshot is real.snapshot


def test_versions_sort_when_the_clock_jumps_back() -> None:
    old = state(snapshot(Status.PENDING), 100)
    assert next_version(old, START) > old.version


def test_a_batch_is_forgotten_only_after_its_known_time() -> None:
    real = state(snapshot(Status.IN_PROGRESS, expires_at=START + timedelta(hours=4)), 0)
    denied = snapshot(Status.IN_PROGRESS, is_confirmed=False)
    assert not is_forgotten(real, denied, START + timedelta(hours=3))
    assert is_forgotten(real, denied, START + timedelta(hours=5))
    assert is_forgotten(real, None, START + timedelta(hours=5))
    assert not is_forgotten(None, denied, START + timedelta(hours=5))
    assert not is_forgotten(real, snapshot(Status.IN_PROGRESS), START + timedelta(hours=5))


def test_changed_items_are_those_that_differ() -> None:
    def items(*statuses: ItemStatus) -> Items:
        return Items(tuple(ItemHead(status, None, (), b"{}") for status in statuses))

    pending, done = ItemStatus.PENDING, ItemStatus.SUCCEEDED
    old = snapshot(Status.IN_PROGRESS, items=items(pending, pending))
    new = snapshot(Status.IN_PROGRESS, items=items(pending, done, pending))
    assert changed_items(old, new) == [1, 2]
    assert changed_items(None, new) == [0, 1, 2]


_snapshots = st.builds(
    snapshot,
    st.sampled_from(Status),
    outcome=st.sampled_from([None, *Outcome]),
    is_confirmed=st.booleans(),
    is_settled=st.booleans(),
)


@settings(derandomize=True, max_examples=300)
@given(st.lists(st.tuples(_snapshots, st.integers(0, 50)), max_size=20))
def test_whatever_is_read_versions_rise_and_ends_stay(readings: list[tuple[Snapshot, int]]) -> None:
    known: State | None = None
    for read, at in readings:
        before = known
        known = merge(known, state(read, at, known))
        if before is None:
            continue
        assert known.version >= before.version
        assert known.fetched_at >= before.fetched_at
        if before.snapshot.is_terminal:
            assert known.snapshot.is_terminal
            if before.snapshot.is_settled:
                assert known.snapshot.status is before.snapshot.status
                assert known.snapshot.outcome is before.snapshot.outcome
