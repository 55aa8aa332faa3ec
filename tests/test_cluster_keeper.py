"""States that the server is owed while it is lost, within bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.base import Answer
from adapters.model import Operation, Snapshot, Status
from gateway.core.cluster.keeper import SharedKeeper
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.state import State
from tests.core_world import ref, trendyol_account
from tests.test_cluster_link import Counter
from tests.virtual_clock import VirtualClock

pytestmark = pytest.mark.anyio

BODY = b"x" * 1024 * 1024


def state(number: int, checked: float = 0.0) -> State:
    snapshot = Snapshot("trendyol", f"b{number}", Operation.OTHER, Status.PENDING)
    return State(ref(f"b{number}"), snapshot, (Answer(200, BODY),), datetime.now(UTC), checked, "1")


async def test_what_is_owed_is_bounded_by_bytes_and_the_newest_is_kept() -> None:
    clock, account = VirtualClock(), trendyol_account()
    keeper = SharedKeeper(Link(Counter(clock, 0.0), clock), Keys("test"), clock, lambda _: None, lambda _: b"")
    for number in range(200):
        await keeper.put(account, state(number), 60.0)
    owed = [keeper.owes(ref(f"b{number}")) for number in range(200)]
    assert owed == sorted(owed)
    assert 20 <= sum(owed) <= 128
    for turn in range(200):  # the same one again takes no more
        await keeper.put(account, state(199, float(turn)), 60.0)
    assert [keeper.owes(ref(f"b{number}")) for number in range(200)] == owed
