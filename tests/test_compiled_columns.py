"""Members of lists that last are encoded once, shown as if they were made for each answer, and go with their owner."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import pytest
import strawberry

from gateway.compiled.columns import Columns
from gateway.compiled.plans import Plans
from gateway.engine.engine import Engine
from gateway.engine.request import OperationRequest
from schema.lasting import Chosen
from tests.steady import steady


class Owner:
    """What lasts, and counts what is looked at."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def member(self, index: int) -> Member:
        self.made.append(index)
        return Member(index=index, owner=self)

    def bad_member(self, index: int) -> Member:
        return Bad(index=index, owner=self) if index == 2 else self.member(index)


@strawberry.type
class Member:
    index: int
    owner: strawberry.Private[Owner]

    @strawberry.field
    def said(self, word: str = "", times: float = 1.0) -> str | None:
        return f"{word}{times}"

    @strawberry.field
    def picky(self) -> str | None:
        if self.index == 3:
            raise ValueError("three")
        return "fine"


class Bad(Member):
    """Of a class that defines no type."""


@strawberry.type
class Query:
    @strawberry.field
    def members(self, info: strawberry.Info, indexes: list[int]) -> Sequence[Member]:
        return Chosen(info.context, indexes, info.context.member)

    @strawberry.field
    def run(self, info: strawberry.Info, start: int, stop: int) -> Sequence[Member] | None:
        return Chosen(info.context, range(start, stop), info.context.member)

    @strawberry.field
    def bad(self, info: strawberry.Info) -> Sequence[Member]:
        return Chosen(info.context, range(4), info.context.bad_member)


SCHEMA = strawberry.Schema(Query)


class Asking:
    def __init__(self, pieces: int = 1_000_000) -> None:
        self.owner = Owner()
        self.plans = Plans(SCHEMA, after=0, pieces=pieces)
        self.columns: Columns = self.plans._columns
        self._engine, self._plain = Engine(SCHEMA, plans=self.plans), Engine(SCHEMA)

    def ask(self, text: str, **variables: Any) -> tuple[bytes, list[int]]:
        """The answer, which is graphql-core's, and the members that it took to make it."""
        request = OperationRequest(text, variables)
        expected = self._plain.run(self._plain.prepare(request), self.owner)
        self.owner.made.clear()
        answer = self._engine.run(self._engine.prepare(request), self.owner)
        assert isinstance(answer, bytes)
        assert isinstance(expected, bytes)
        assert steady(answer) == steady(expected)
        return answer, list(self.owner.made)


def test_members_are_made_once_they_are_asked_for_again() -> None:
    asking = Asking()
    text = "query($i: [Int!]!) { members(indexes: $i) { __typename i: index said } }"
    assert [asking.ask(text, i=i)[1] for i in ([0, 5], [5, 2], [5, 2], [2, 3, 0], [], [3, 3, 0], [5])] == [
        [0, 5],  # nobody knows that more will be asked for
        [5, 2],
        [],
        [3, 0],
        [],
        [],
        [],
    ]


def test_runs_of_members_are_cut_out() -> None:
    asking = Asking()
    text = "query($a: Int!, $b: Int!) { run(start: $a, stop: $b) { index } }"
    made = [asking.ask(text, a=a, b=b)[1] for a, b in ((0, 2), (1, 4), (0, 4), (2, 6), (0, 6), (3, 3))]
    assert made == [[0, 1], [1, 2, 3], [0], [4, 5], [], []]


def test_what_hangs_on_variables_is_kept_for_their_values() -> None:
    asking = Asking()
    text = """query($w: String = "d") { run(start: 0, stop: 2) { ...F } } fragment F on Member { ...G index }
        fragment G on Member { said(word: $w) }"""
    for expected in ([0, 1], [0, 1], []):
        assert asking.ask(text, w="a")[1] == expected
        assert asking.ask(text, w="b")[1] == expected
        assert asking.ask(text)[1] == expected


def test_values_that_are_equal_and_not_the_same_are_not_mixed_up() -> None:
    asking = Asking()
    text = "query($t: Float) { run(start: 0, stop: 1) { said(times: $t) } }"
    for _ in range(3):
        assert b'"0.0"' in asking.ask(text, t=0.0)[0]
        assert b'"-0.0"' in asking.ask(text, t=-0.0)[0]


def test_directives_and_other_selections_have_columns_of_their_own() -> None:
    asking = Asking()
    text = """query($s: Boolean!) {
        run(start: 0, stop: 2) { index said @skip(if: $s) } x: run(start: 0, stop: 2) { said }
    }"""
    for _ in range(3):
        asking.ask(text, s=True)
        asking.ask(text, s=False)
    assert len(asking.columns) == 4


def test_a_member_that_fails_costs_itself_only() -> None:
    asking = Asking()
    for _ in range(3):
        answer = asking.ask("{ run(start: 0, stop: 5) { index picky } }")[0]
        assert (answer.count(b"fine"), answer.count(b"null")) == (4, 1)
        asking.ask("{ bad { index said } }")


def test_columns_go_with_their_owner() -> None:
    asking = Asking()
    for _ in range(3):
        asking.ask("{ run(start: 0, stop: 9) { index } }")
    assert asking.columns.bytes > 0
    asking.owner = Owner()
    gc.collect()
    assert (len(asking.columns), asking.columns.bytes) == (0, 0)
    assert asking.ask("{ run(start: 0, stop: 2) { index } }")[1] == [0, 1]


def test_what_is_kept_is_bounded() -> None:
    asking = Asking(pieces=5_000)
    owners = [Owner() for _ in range(20)]
    for _ in range(3):
        for asking.owner in owners:
            asking.ask("{ run(start: 0, stop: 9) { index said } }")
            asking.ask("{ run(start: 0, stop: 9) { index } }")
            assert asking.columns.bytes <= 5_000
    asking.owner = owners[-1]
    asking.ask("{ run(start: 0, stop: 9) { index } }")
    assert asking.ask("{ run(start: 0, stop: 9) { index } }")[1] == []
    del owners
    asking.owner = Owner()
    gc.collect()
    assert (len(asking.columns), asking.columns.bytes) == (0, 0)


@pytest.mark.parametrize("pieces", [0, 700])
def test_nothing_is_kept_where_there_is_no_room(pieces: int) -> None:
    asking = Asking(pieces)
    for _ in range(3):
        assert asking.ask("{ run(start: 0, stop: 9) { index } }")[1] == list(range(9))
    assert asking.columns.bytes <= pieces
