"""Items of one or more batches, by pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from gateway.sandbox.bodies import Bodies
from gateway.sandbox.life import Life
from gateway.sandbox.routes import Query, Way, read_number
from gateway.sandbox.scene import Scene
from gateway.sandbox.template import Namer, json_form

_MOST_PAGES = 1_000_000


def list_body(
    way: Way, bodies: Bodies, namer: Namer, lives: Sequence[Life], *, steady: float, now: float, query: Query
) -> bytes:
    """One page of the items of these lives: newest first, unless the query sorts them otherwise."""
    paging = way.route.paging
    assert paging is not None  # noqa: S101 - the script is refused otherwise
    count = sum(life.items for life in lives)
    limit = read_number(query, paging.limit, paging.usual, paging.most)
    page = read_number(query, paging.page, 1, _MOST_PAGES)
    places = range((page - 1) * limit, min(page * limit, count))
    is_ascending = any(name == paging.sort and value.endswith(":asc") for name, value in query)
    if not is_ascending:
        places = range(count)[::-1][places.start : places.stop]
    look, written = way.look(query), list[bytes]()
    for life, found in groupby(_items_at(places, lives), key=itemgetter(0)):
        indexes = [index for _, index in found]
        written += bodies.items(life, life.standing(steady), indexes, look, now)
    scene = Scene(now, items=b"[" + b",".join(written) + b"]", limit=limit, page=page, count=count)
    return json_form(paging.body, namer).render(scene)


def _items_at(places: range, lives: Sequence[Life]) -> Iterator[tuple[Life, int]]:
    """The items at these places of all the lives' items in a row."""
    for place in places:
        rest = place
        for life in lives:
            if rest < life.items:
                yield life, rest
                break
            rest -= life.items
