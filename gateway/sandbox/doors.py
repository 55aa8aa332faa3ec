"""Who is let in: the script's checks against the accounts that it knows."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from string import Template

from gateway.sandbox.script import Door

Headers = list[tuple[bytes, bytes]]
_Check = Callable[[str], bool]


class Doors:
    """The checks of one marketplace, in order; every account's expectations are worked out at the start."""

    def __init__(self, doors: tuple[Door, ...], accounts: tuple[dict[str, str], ...]) -> None:
        self._doors = [(door, [_check(door, account) for account in accounts]) for door in doors]
        self._names = {door.header.encode() for door in doors}
        self._everyone = range(len(accounts))

    def refuse(self, headers: Headers, variables: Mapping[str, str]) -> str | None:
        """The name of the answer for somebody who is not let in, or None."""
        sent = {name: value.decode("latin-1") for name, value in headers if name in self._names}
        left = self._everyone
        for door, checks in self._doors:
            shown = variables.get(door.path) if door.path else sent.get(door.header.encode())
            if shown is None and door.path:
                continue
            left = [account for account in left if shown is not None and checks[account](shown)]
            if not left:
                return door.answer
        return None


def _check(door: Door, account: Mapping[str, str]) -> _Check:
    if door.pattern is not None:
        quoted = {name: re.escape(value) for name, value in account.items()}
        return _matches(re.compile(Template(door.pattern).substitute(quoted)))
    expected = Template(door.value or "").substitute(account)
    if door.base64 is not None:
        expected = base64.b64encode(Template(door.base64).substitute(account).encode()).decode()
    return (door.scheme + expected).__eq__


def _matches(pattern: re.Pattern[str]) -> _Check:
    return lambda shown: pattern.fullmatch(shown) is not None
