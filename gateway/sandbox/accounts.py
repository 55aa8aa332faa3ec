"""What a gateway needs to ask the sandbox: account tables, and ids worth trying."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.sandbox.reading import Play, read_plays

_LIMIT = "1000/1s"
"""High enough that a query for many batches at once is not paced."""


class Sample(NamedTuple):
    """A story that one source plays: what to ask and what will be seen."""

    marketplace: str
    source: str
    story: str
    """The prefix of the id; empty for the usual life."""
    about: str
    id: str
    """An id that plays it."""


def sandbox_accounts(base: str, *, every: bool = False, plays: Sequence[Play] | None = None) -> list[dict[str, str]]:
    """Account tables for the gateway's configuration, pointing at a sandbox on `base` (`http://127.0.0.1:8001`).

    One for each marketplace, so that references need no account; with `every`, all that the sandbox lets in.
    """
    tables: list[dict[str, str]] = []
    for play in plays or read_plays():
        script = play.script
        address = f"{base.rstrip('/')}/{script.marketplace}{script.base}"
        own = {"marketplace": script.marketplace, "base_url": address, "limit": _LIMIT}
        tables += [{**account, **own} for account in (script.accounts if every else script.accounts[:1])]
    return tables


def accounts_toml(tables: Sequence[Mapping[str, str]]) -> str:
    """The account tables as a configuration file for the gateway."""
    # JSON strings are TOML strings too
    rows = (
        "\n".join(["[[accounts]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())])
        for table in tables
    )
    return "\n\n".join(rows) + "\n"


def sandbox_stories(plays: Sequence[Play] | None = None) -> list[Sample]:
    """Every story of every source with an id to try, for a board to offer."""
    return [
        Sample(play.script.marketplace, source, prefix, story.about, f"{prefix}-demo" if prefix else "demo")
        for play in plays or read_plays()
        for source, resource in _sources(play).items()
        for prefix, story in play.told_by(resource).items()
    ]


def _sources(play: Play) -> dict[str, str]:
    routes = [route for route in play.script.routes if route.gives != "list"]
    return {route.source or play.script.resources[route.resource].source: route.resource for route in routes}
