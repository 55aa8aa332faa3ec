"""The way out of compiled code."""

from __future__ import annotations

from types import CoroutineType
from typing import Any, cast


class Unfit(Exception):
    """A value that compiled code does not vouch for: graphql-core completes it, with all that it says about errors.

    Any other exception that leaves compiled code means the same; this one is raised where nothing is wrong.
    """


def drop(value: object) -> None:
    """Let go of what a resolver answered and nobody will look at: it is called again.

    Coroutines, alone or in a list, are closed, or Python would warn that nobody awaited them.
    """
    for each in cast("list[Any]", value) if isinstance(value, list | tuple) else (value,):
        if isinstance(each, CoroutineType):
            each.close()
