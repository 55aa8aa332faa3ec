"""Which of two readings the replicas believe: the script, case by case, and the budget's, call by call."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.core.cluster.believing import CONFIRM, PUT
from gateway.core.cluster.heads import number, read_head
from gateway.core.cluster.keys import field, read_field
from gateway.core.cluster.spending import SLOW, SPEND
from tests.core_world import ref
from tests.test_cluster_faults import most_in_a_window
from tests.valkey import namespace, need_valkey, valkey_url
from tests.virtual_clock import VirtualClock
from tests.virtual_valkey import EPOCH_MS, VirtualValkey


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    need_valkey()
    with valkey_url() as url:
        yield url


@pytest.fixture
def server(url: str) -> Iterator[VirtualValkey]:
    server = VirtualValkey(url, VirtualClock(), namespace())
    yield server
    server.close()


class States:
    """Puts readings, at times in seconds."""

    def __init__(self, server: VirtualValkey) -> None:
        self.server = server
        self.key = f"{server.name}:state"

    def put(
        self,
        content: str,
        *,
        rank: int = 1,
        asked: float,
        done: float,
        version: int = 1,
        base: str = "",
        fence: int = 0,
    ) -> bool:
        self.server.clock._at = max(self.server.clock._at, done)
        answer = self.server.run(
            PUT,
            [self.key, f"{self.server.name}:news"],
            [
                rank,
                number(version),
                base,
                number(EPOCH_MS + int(asked * 1000)),
                number(EPOCH_MS + int(done * 1000)),
                number(fence) if fence else "",
                60_000,
                content,
                b"",
            ],
        )
        return bool(answer[0])

    @property
    def stands(self) -> tuple[str, str]:
        """Content and version."""
        value: Any = self.server.client.get(self.key)
        head = read_head(value)
        assert head is not None
        return value[37:].decode(), head.version


def test_a_later_reading_replaces_an_earlier_one_under_a_later_version(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("one", asked=1, done=2, version=7)
    assert states.put("two", asked=3, done=4, version=5)  # of a replica whose clock is behind
    assert states.stands == ("two", number(8))


def test_a_reading_that_may_be_earlier_replaces_nothing(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("one", asked=1, done=5)
    assert not states.put("overlapping", asked=4, done=6, version=9)
    assert not states.put("held up", asked=0, done=30, version=99)
    assert states.stands[0] == "one"


def test_the_end_is_believed_however_late_and_never_taken_back(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("moving", asked=10, done=11)
    assert states.put("the end", rank=3, asked=1, done=12)
    assert not states.put("moving again", rank=1, asked=20, done=21, version=99)
    assert not states.put("unsettled", rank=2, asked=20, done=21, version=99)
    assert not states.put("another end", rank=3, asked=30, done=31, version=99)
    assert states.stands[0] == "the end"
    assert states.put("the end, told in full", rank=3, asked=40, done=41, version=99, base=states.stands[1])


def test_an_older_lease_writes_over_no_newer_one(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("old holder", asked=1, done=2, fence=10)
    assert states.put("new holder", asked=5, done=6, fence=11)
    assert not states.put("old holder again", asked=8, done=9, fence=10, version=99)
    assert states.put("somebody's query", asked=10, done=11)
    assert not states.put("old holder at last", asked=12, done=13, fence=10, version=99)
    assert states.put("old holder sees the end", rank=3, asked=14, done=15, fence=10)


def test_a_holders_own_readings_follow_each_other(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("one", asked=1.0, done=1.1, fence=3)
    base = states.stands[1]
    assert states.put("two", asked=1.099, done=1.2, fence=3, base=base)


def test_a_server_whose_clock_went_back_is_not_locked(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("before", asked=100, done=101)
    server.skew_ms = -90_000
    assert states.put("after", asked=12, done=13)


def test_what_is_confirmed_counts_as_read_later(server: VirtualValkey) -> None:
    states = States(server)
    assert states.put("one", asked=1, done=2, version=1)
    values = [states.stands[1], number(EPOCH_MS + 9_000), "", 60_000]
    server.clock._at = 9.0
    assert server.run(CONFIRM, [states.key], values) == [1]
    assert not states.put("between", asked=5, done=6, version=9)
    assert server.run(CONFIRM, [states.key], ["other", *values[1:]])[0] == 0
    assert server.run(CONFIRM, [f"{states.key}-none"], values) == [2]


def test_what_is_no_head_is_no_state() -> None:
    for value in (b"", b"3", b"x" * 60, b"\xff" * 60):
        assert read_head(value) is None
    assert read_field(field(ref("b1")).encode()) == ref("b1")
    assert read_field(b"nonsense") is None


class Spenders:
    """Replicas that spend one account's calls, and call at once what they are granted."""

    def __init__(self, server: VirtualValkey, calls: int, seconds: float) -> None:
        self.server = server
        self.calls, self.seconds = calls, seconds
        self.keys = [f"{server.name}:{name}" for name in ("calls", "pace", "waiting", "opens", "away")]
        server.client.set(self.keys[3], f"{EPOCH_MS}|0")
        self.made: list[tuple[float, str]] = []
        self.over: dict[str, list[str]] = {}
        self.numbers = 0

    def spend(self, who: str, want: int, *, is_query: bool = True) -> int:
        over, self.over[who] = self.over.get(who, []), []
        values = [who, want, self.numbers, self.calls, self.calls, int(self.seconds * 1000), 5_000, self.calls]
        granted = self.server.run(SPEND, self.keys, [*values, int(is_query), len(over), 0, *over])[0]
        for index in range(granted):
            self.made.append((self.server.clock.monotonic(), who))
            self.over[who].append(f"{who}:{self.numbers + index}")
        self.numbers += want
        return granted


def test_the_limit_holds_and_is_used(server: VirtualValkey) -> None:
    rng = random.Random(1)
    both = Spenders(server, 10, 2.0)
    for _ in range(400):
        server.clock._at += rng.uniform(0.0, 0.1)
        both.spend(rng.choice("ab"), rng.randint(0, 4))
    times = [at for at, _ in both.made]
    assert most_in_a_window(times, 2.0) <= 10
    assert len(times) >= 10 * (server.clock.monotonic() / 2.0) * 0.8


def test_who_asks_for_much_leaves_the_others_their_part(server: VirtualValkey) -> None:
    both = Spenders(server, 10, 2.0)
    for _ in range(300):
        server.clock._at += 0.05
        both.spend("greedy", 16)
        both.spend("greedy", 16)
        both.spend("modest", 2)
    late = [who for at, who in both.made if at > 3.0]
    assert 0.4 <= late.count("modest") / len(late) <= 0.6


def test_watches_leave_the_last_calls_to_the_queries_of_others(server: VirtualValkey) -> None:
    both = Spenders(server, 4, 2.0)
    assert both.spend("watcher", 4, is_query=False) == 4
    assert both.spend("asker", 1) == 0
    both.spend("watcher", 0)
    server.clock._at += 1.9
    assert both.spend("asker", 1) == 0
    server.clock._at += 0.2
    assert both.spend("watcher", 4, is_query=False) <= 3
    assert both.spend("asker", 1) == 1


def test_too_many_slows_all_down(server: VirtualValkey) -> None:
    both = Spenders(server, 8, 2.0)
    assert both.spend("a", 2) == 2
    both.spend("a", 0)
    server.run(SLOW, both.keys[:2], [EPOCH_MS, 3_000])
    server.clock._at = 2.9
    assert both.spend("b", 8) == 0
    server.clock._at = 6.0
    assert both.spend("b", 8) == 4


def test_what_is_kept_for_the_lost_is_not_spent(server: VirtualValkey) -> None:
    both = Spenders(server, 9, 2.0)
    server.client.set(both.keys[4], "0.5")
    assert both.spend("a", 9) == 4
