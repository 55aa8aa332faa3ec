"""The names that a template may use, and how their values are written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from email.utils import formatdate
from functools import lru_cache, partial
from typing import Final

from gateway.sandbox.scene import Scene
from gateway.sandbox.script import Value
from gateway.sandbox.template import Namer, Slot

_ISO: Final = re.compile(r"iso(?P<ms>ms)?(?P<zone>[+-]\d\d:\d\d)")
_SOON: Final = 2.0
"""Seconds ahead, for a Retry-After that is a date."""

_FACTS: Final[Mapping[str, Slot]] = {
    "id": Slot(lambda scene: scene.id),
    "seed": Slot(lambda scene: scene.seed),
    "total": Slot(lambda scene: scene.total),
    "done": Slot(lambda scene: scene.done),
    "succeeded": Slot(lambda scene: scene.succeeded),
    "failed": Slot(lambda scene: scene.failed),
    "percent": Slot(lambda scene: 100 * scene.done // scene.total if scene.total else 100),
    "fraction": Slot(lambda scene: f"{scene.done / scene.total if scene.total else 1.0:.2f}"),
    "index": Slot(lambda scene: scene.index, varies=True),
    "number": Slot(lambda scene: scene.index + 1, varies=True),
    "items": Slot(lambda scene: scene.items),
    "limit": Slot(lambda scene: scene.limit),
    "page": Slot(lambda scene: scene.page),
    "count": Slot(lambda scene: scene.count),
    "path": Slot(lambda scene: scene.path),
    "method": Slot(lambda scene: scene.method),
}
_MOMENTS: Final[Mapping[str, Callable[[Scene], float]]] = {
    "now": lambda scene: scene.now,
    "soon": lambda scene: scene.now + _SOON,
    "created": lambda scene: scene.created,
    "updated": lambda scene: scene.updated,
    "completed": lambda scene: scene.completed,
    "settled": lambda scene: scene.settled_at(scene.index),
}


def slot_names(values: Mapping[str, Value], item_suffix: str = "") -> Namer:
    """The names of one marketplace's templates: the facts of a scene, its times, and the marketplace's own values."""

    def find(name: str, form: str) -> Slot:
        if name in _MOMENTS:
            return Slot(_moment(_MOMENTS[name], form), varies=name == "settled")
        if name in values:
            return _value(name, values[name])
        if name == "item_id":
            return Slot(lambda scene: scene.item_id or f"{scene.id}{item_suffix}{scene.index:04d}", varies=True)
        fact = _FACTS[name]
        return Slot(lambda scene: format(fact.read(scene), form), fact.varies) if form else fact

    return find


def _value(name: str, value: Value) -> Slot:
    if value.text is not None:
        return Slot(text=value.text)
    if value.uuid:
        return Slot(lambda scene: _uuid(f"{scene.id}/{name}/{scene.index}"), varies=True)
    return Slot(choices=value.cycle)


def _uuid(text: str) -> str:
    digits = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _moment(read: Callable[[Scene], float], form: str) -> Callable[[Scene], object]:
    """`ms` and `s` since the epoch, `http`, `iso+03:00`, or `isoms+00:00` with milliseconds."""
    if form == "ms":
        return lambda scene: int(read(scene) * 1000)
    if form == "s":
        return lambda scene: int(read(scene))
    if form == "http":
        return lambda scene: formatdate(read(scene), usegmt=True)
    found = _ISO.fullmatch(form)
    if found is None:
        raise KeyError(form)
    zone = datetime.strptime(found["zone"], "%z").tzinfo
    if found["ms"]:
        return lambda scene: datetime.fromtimestamp(read(scene), zone).isoformat(timespec="milliseconds")
    # a thousand items are settled within a few seconds, so that most of their times have been written before
    write = lru_cache(maxsize=1024)(partial(_iso, zone))
    return lambda scene: write(int(read(scene)))


def _iso(zone: tzinfo | None, second: int) -> str:
    return datetime.fromtimestamp(second, zone).isoformat()
