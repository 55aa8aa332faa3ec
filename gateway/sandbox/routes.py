"""Paths of a marketplace, matched on the bytes that came, so that an encoded slash stays inside an id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from gateway.sandbox.bodies import Look
from gateway.sandbox.script import Resource, Route

Query = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Way:
    """A route, ready: its pattern, its looks, and the source that its calls are counted under."""

    route: Route
    pattern: re.Pattern[str]
    looks: tuple[tuple[tuple[str, str] | None, Look], ...]
    source: str

    @property
    def reads_query(self) -> bool:
        """Whether the query can change the answer."""
        return self.route.gives == "list" or any(query for query, _ in self.looks)

    def look(self, query: Query) -> Look:
        """The first look that the query asks for, else the usual one."""
        return next(look for asked, look in self.looks if asked is None or asked in query)


def find_ways(routes: tuple[Route, ...], resources: Mapping[str, Resource]) -> tuple[Way, ...]:
    """The routes of a marketplace, compiled."""
    return tuple(_way(route, resources[route.resource]) for route in routes)


def _way(route: Route, resource: Resource) -> Way:
    looks = tuple((view.query, Look(view.words, view.most)) for view in route.views)
    if all(query for query, _ in looks):
        looks += ((None, Look()),)
    pieces = re.split(r"\{(\w+)\}", route.path)
    parts = (f"(?P<{piece}>[^/]+)" if place % 2 else re.escape(piece) for place, piece in enumerate(pieces))
    return Way(route, re.compile("".join(parts)), looks, route.source or resource.source)


def match(ways: tuple[Way, ...], path: str) -> tuple[Way, dict[str, str]] | None:
    """The way that this path goes, with its variables decoded."""
    for way in ways:
        found = way.pattern.fullmatch(path)
        if found:
            return way, {name: unquote(value) for name, value in found.groupdict().items()}
    return None


def read_query(text: bytes) -> Query:
    """The query's names and values, decoded."""
    return parse_qsl(text.decode("latin-1"), keep_blank_values=True)


def read_number(query: Query, name: str, usual: int, most: int) -> int:
    """A number of the query between 1 and `most`; anything else reads as the usual one."""
    text = next((value for key, value in query if key == name), "")
    return min(max(int(text), 1), most) if text.isascii() and text.isdecimal() else usual
