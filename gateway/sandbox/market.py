"""One marketplace: a request in, an answer out. Pure but for the clock and the lives that it was asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.clock import Clock
from gateway.sandbox.bodies import Bodies
from gateway.sandbox.doors import Doors, Headers
from gateway.sandbox.life import Life
from gateway.sandbox.listing import list_body
from gateway.sandbox.lives import Lives
from gateway.sandbox.reading import Play
from gateway.sandbox.replies import JSON_HEADERS, Rendered, Replies
from gateway.sandbox.routes import Query, Way, find_ways, match, read_query
from gateway.sandbox.scene import Scene
from gateway.sandbox.script import Interruption
from gateway.sandbox.shelf import Shelf
from gateway.sandbox.slots import slot_names
from gateway.sandbox.tally import Asked


class Call(NamedTuple):
    """A request, as far as a marketplace looks at it. `path` is below its prefix and still encoded."""

    method: str
    path: str
    query: bytes
    headers: Headers


@dataclass(slots=True)
class Visit:
    """A call that has arrived: what it is about, how long its answer takes, and all that the answer needs."""

    call: Call
    way: Way | None = None
    query: Query = field(default_factory=list[tuple[str, str]])
    asked: Asked | None = None
    lives: list[Life] = field(default_factory=list[Life])
    index: int | None = None
    latency: float | None = None
    interruption: Interruption | None = None


class Market:
    """A marketplace that plays its script."""

    def __init__(self, play: Play, clock: Clock) -> None:
        script = play.script
        self.name = script.marketplace
        self._clock = clock
        self._doors = Doors(script.doors, script.accounts)
        self._ways = find_ways(script.routes, script.resources)
        self._namer = slot_names(script.values)
        self._replies = Replies(play.answers, self._namer)
        self._lives = Lives(play, clock)
        self._shelf = Shelf()
        self._bodies = {
            name: Bodies(resource, slot_names(script.values, resource.item_suffix), self._shelf)
            for name, resource in script.resources.items()
        }

    def receive(self, call: Call) -> Visit:
        """Take a call in: it is checked, and the lives that it asks about begin."""
        found = match(self._ways, call.path)
        if found is None:
            return Visit(call, interruption=Interruption("no-route"))
        way, variables = found
        refused = self._doors.refuse(call.headers, variables)
        if refused is not None:
            return Visit(call, way, interruption=Interruption(refused))
        visit = Visit(call, way, read_query(call.query) if way.reads_query and call.query else [])
        self._find_lives(visit, way, variables)
        self._interrupt(visit, way)
        return visit

    def answer(self, visit: Visit) -> Rendered:
        """What is sent for it now."""
        now = self._clock.now().timestamp()
        way = visit.way
        if way is None or visit.interruption is not None:
            return self._reply(visit, visit.interruption or Interruption("no-route"), now)
        if way.route.paging is not None:
            return Rendered(200, JSON_HEADERS, self._list(visit, way, now))
        return self._one(visit, way, visit.lives[0], now)

    def forget(self, batch_id: str) -> None:
        """From now on the marketplace does not know this batch, asked before or not."""
        self._lives.forget(batch_id)

    def clear(self) -> None:
        """Forget every life: each begins anew when it is asked."""
        self._lives.clear()
        self._shelf.clear()

    def _find_lives(self, visit: Visit, way: Way, variables: Mapping[str, str]) -> None:
        route, asked = way.route, variables.get("id", "")
        if route.paging is not None:
            ids = dict.fromkeys(value for name, value in visit.query if name == route.paging.ids)
            visit.lives = [self._lives.batch(route.resource, batch_id) for batch_id in ids]
            asked = next(iter(ids), "")
        elif route.gives == "item":
            life, visit.index = self._lives.item(route.resource, asked)
            visit.lives = [life]
        else:
            visit.lives = [self._lives.batch(route.resource, asked)]
        visit.asked = Asked(self.name, way.source, asked)

    def _interrupt(self, visit: Visit, way: Way) -> None:
        """The methods that a story leaves open and its pattern of calls come before its timeline."""
        methods = way.route.methods
        for life in visit.lives:
            story = life.course.story
            methods = story.methods or methods
            visit.latency = life.latency if visit.latency is None else visit.latency
            if story.calls and visit.interruption is None:
                visit.interruption = story.calls[life.calls % len(story.calls)]
            life.calls += 1
        if visit.call.method not in methods:
            visit.interruption = Interruption("not-allowed", {"allow": ", ".join(methods)})

    def _one(self, visit: Visit, way: Way, life: Life, now: float) -> Rendered:
        standing = life.standing(self._clock.monotonic())
        answer = life.course.timeline[standing.phase].answer
        if self._lives.is_unknown(life) or (visit.index is not None and visit.index >= life.items):
            answer = "unknown"
        if answer:
            return self._reply(visit, Interruption(answer), now)
        bodies, look = self._bodies[way.route.resource], way.look(visit.query)
        if visit.index is None:
            return Rendered(200, JSON_HEADERS, bodies.batch(life, standing, look, now))
        return Rendered(200, JSON_HEADERS, bodies.item(life, standing, visit.index, look, now))

    def _list(self, visit: Visit, way: Way, now: float) -> bytes:
        steady = self._clock.monotonic()
        known = [life for life in visit.lives if not self._lives.is_unknown(life)]
        known = [life for life in known if life.course.timeline[life.standing(steady).phase].state]
        bodies = self._bodies[way.route.resource]
        return list_body(way, bodies, self._namer, known, steady=steady, now=now, query=visit.query)

    def _reply(self, visit: Visit, interruption: Interruption, now: float) -> Rendered:
        name = interruption.answer
        if name == "unknown" and visit.way is not None:
            name = visit.way.route.unknown
        scene = Scene(now, visit.asked.id if visit.asked else "", path=visit.call.path, method=visit.call.method)
        return self._replies.render(name, scene, interruption.headers)
