"""The shape of `story.json`: how one marketplace behaves, as data.

`docs/sandbox.md` explains every field to the person who adds a marketplace.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

Words: TypeAlias = dict[str, Any]
"""What a template may name: a word and the JSON that stands for it."""


class Door(Struct, frozen=True, forbid_unknown_fields=True):
    """One check before a request is let in: a header or a variable of the path against the accounts.

    `value`, `base64` and `pattern` may name fields of the account as `${api_key}`. An account stays a candidate
    while every door fits; where none is left, the door's `answer` is given.
    """

    answer: str
    header: str = ""
    path: str = ""
    value: str | None = None
    scheme: str = ""
    base64: str | None = None
    pattern: str | None = None


class View(Struct, frozen=True, forbid_unknown_fields=True):
    """Another look of the same answer, asked for by `[name, value]` in the query; without `query`, the usual one."""

    query: tuple[str, str] | None = None
    words: Words = {}
    most: int | None = None
    """How many items are listed at most."""


class Paging(Struct, frozen=True, forbid_unknown_fields=True):
    """How a list of items is asked for: names of query parameters, sizes, and the list's template."""

    body: Any
    ids: str
    limit: str = "limit"
    page: str = "page"
    sort: str = "sort"
    usual: int = 20
    most: int = 100


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """One path of the marketplace, below its prefix; `{id}` and other variables stand for whole segments."""

    path: str
    resource: str
    gives: Literal["batch", "item", "list"] = "batch"
    source: str = ""
    """The gateway's name for what is asked here, where it differs from the resource's."""
    methods: tuple[str, ...] = ("GET",)
    views: tuple[View, ...] = (View(),)
    paging: Paging | None = None
    unknown: str = "unknown"
    """The answer for an id that the marketplace does not know."""


class Kind(Struct, frozen=True, forbid_unknown_fields=True):
    """A variety of batch, chosen by a part of the id: words of its own, and state words that it goes without."""

    words: Words = {}
    without: tuple[str, ...] = ()


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """How the batch is described in a phase, and which of its items the answer lists."""

    words: Words = {}
    listed: Literal["all", "done", "failed", "none"] = "all"


class Fate(Struct, frozen=True, forbid_unknown_fields=True):
    """How one item is described. `bad` fates take turns wherever a story calls for a failure."""

    ends: Literal["waiting", "good", "bad"] = "waiting"
    words: Words = {}
    kinds: tuple[str, ...] = ()
    """The kinds of batch in which it takes its turn; empty for all."""


class Resource(Struct, frozen=True, forbid_unknown_fields=True):
    """A sort of batch: its templates and its vocabulary.

    Every resource knows the states `queued`, `running`, `done` and `failed`, and the fates `waiting` and `ok`; an
    item being worked on is `working` where that fate is there.
    """

    source: str
    batch: Any
    item: Any
    states: dict[str, State]
    fates: dict[str, Fate]
    kind: str = ""
    kinds: dict[str, Kind] = {}
    items: int = 12
    item_suffix: str = "-item"
    """An item's own id is the batch's, this, and its index in four digits."""


class Phase(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of a life: a state, or an answer that takes its place. The last one has no `seconds` and stays."""

    state: str = ""
    answer: str = ""
    seconds: float | None = field(default=None, name="for")
    done: tuple[float, float] = (0.0, 0.0)
    """The share of the items that is settled, when the phase begins and when it ends."""


class Interruption(Struct, frozen=True, forbid_unknown_fields=True):
    """An answer that takes the place of the story's on one call."""

    answer: str
    headers: dict[str, str] = {}


class Story(Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a batch whose id begins with the story's name and a dash."""

    about: str
    timeline: tuple[Phase, ...]
    fates: tuple[str, ...] = ("ok",)
    """Repeated over the items: names of fates, `ok`, `bad` (the failures by turns), each with a count as in `ok*40`."""
    calls: tuple[Interruption | None, ...] = ()
    """Repeated over the calls for one id; null lets the call through."""
    items: int | None = None
    kind: str | None = None
    latency: float | None = None
    methods: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    """The resources that play it; null for all."""
    echo: str | None = None
    """An id that is answered in the place of the one asked."""


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    """A whole answer: `json` is a template, `text` is sent as it stands with `type`."""

    status: int
    json: Any = None
    text: str | None = None
    type: str = "application/json"
    headers: dict[str, str] = {}


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """A word that differs from item to item: a `cycle` of JSON values, a `text` with slots, or a made-up `uuid`."""

    cycle: tuple[Any, ...] = ()
    text: str | None = None
    uuid: bool = False


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """One marketplace, whole."""

    marketplace: str
    title: str
    accounts: tuple[dict[str, str], ...]
    doors: tuple[Door, ...]
    routes: tuple[Route, ...]
    resources: dict[str, Resource]
    answers: dict[str, Reply]
    stories: dict[str, Story | None] = {}
    """By prefix, laid over the standard ones; null takes a standard one away."""
    values: dict[str, Value] = {}
    base: str = ""
    """What follows the marketplace's prefix in the `base_url` of an account."""
    retention: float | None = None
    """Seconds after which a batch is forgotten."""
