"""`[[clients]]` and what it names: rows are read one by one, so that a mistake in one hides none in another."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Final, cast

from pydantic import ValidationError

from gateway.access.members import EVERY_ACCOUNT
from gateway.access.tokens import ClientSettings
from gateway.config.mistakes import Loc, Mistakes, suggest
from gateway.config.words import findings

_NAME: Final = re.compile(r"[A-Za-z0-9][\w.@+ -]{0,63}")
"""Names stand in logs and counts, beside those of JWTs (`jwt:…`) and addresses (`anonymous@…`)."""
_RESERVED: Final = "anonymous"


def read_clients(rows: Any, known: Collection[str], mistakes: Mistakes) -> tuple[ClientSettings, ...]:
    """The clients of the file; whatever is wrong with one is noted, and the others are read on.

    `known` are the names of the file's accounts.
    """
    if not isinstance(rows, list):
        mistakes.add(("clients",), "must be written as [[clients]], one for each client")
        return ()
    found: list[ClientSettings] = []
    names: dict[str, int] = {}
    digests: dict[str, int] = {}
    for index, row in enumerate(cast("list[Any]", rows)):
        loc: Loc = ("clients", index)
        if not isinstance(row, dict):
            mistakes.add(loc, "must be a table: write [[clients]] and the client's values below")
            continue
        table = cast("dict[str, Any]", row)
        _check_name(table.get("name"), loc, names, mistakes)
        _check_accounts(table.get("accounts"), loc, known, mistakes)
        client = _read(table, loc, mistakes)
        if client is None:
            continue
        if client.token_sha256 in digests:
            mistakes.add(
                (*loc, "token_sha256"),
                f"is that of clients[{digests[client.token_sha256]}] too: every client needs a token of its own",
            )
        digests.setdefault(client.token_sha256, index)
        found.append(client)
    return tuple(found)


def _check_accounts(names: Any, loc: Loc, known: Collection[str], mistakes: Mistakes) -> None:
    for place, name in enumerate(cast("list[Any]", names) if isinstance(names, list) else ()):
        if isinstance(name, str) and name != EVERY_ACCOUNT and name not in known:
            hint = suggest(name, known) if known else "there is none yet"
            mistakes.add((*loc, "accounts", place), f"names no account of this file: {hint}")


def _check_name(name: Any, loc: Loc, names: dict[str, int], mistakes: Mistakes) -> None:
    place = (*loc, "name")
    if name is None:
        mistakes.add(place, 'is missing: give the client a name of its own, name = "front-end"')
    elif not isinstance(name, str):
        mistakes.add(place, "must be text in quotes")
    elif not _NAME.fullmatch(name) or name.casefold() == _RESERVED:
        mistakes.add(place, "must be 1 to 64 letters, digits, spaces or . _ @ + -, begin with a letter or digit")
    elif name in names:
        mistakes.add(place, f"is the name of clients[{names[name]}] too: names must be unique, change one")
    else:
        names[name] = int(loc[-1])
        mistakes.label(loc, f'client "{name}"')


def _read(row: dict[str, Any], loc: Loc, mistakes: Mistakes) -> ClientSettings | None:
    try:
        return ClientSettings.model_validate(row)
    except ValidationError as error:
        for place, words in findings(error, ClientSettings):
            mistakes.add((*loc, *place), words)
    return None
