"""`[[accounts]]`: each row is read into the model of its marketplace's adapter; nothing here knows a marketplace."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from pydantic import ValidationError

from adapters.base import Account
from adapters.budget import Limit
from adapters.registry import ADAPTERS
from gateway.config.mistakes import Loc, Mistakes, suggest
from gateway.config.words import findings

_NAME: Final = re.compile(r"[^\W_][\w .&'+-]{0,63}")
"""A name stands in REFs (`trendyol@main-shop:…`), tables and logs: no colon, no control character."""
_SHORTEST_SECRET: Final = 4
"""Shorter values are no secrets, and hiding them would tear words apart."""


def read_accounts(rows: Any, mistakes: Mistakes) -> tuple[Account, ...]:
    """The accounts of the file, in its order; whatever is wrong with one is noted, and the others are read on."""
    if not isinstance(rows, list):
        mistakes.add(("accounts",), "must be written as [[accounts]], one for each account")
        return ()
    accounts: list[Account] = []
    names: dict[str, int] = {}
    for index, row in enumerate(cast("list[Any]", rows)):
        loc: Loc = ("accounts", index)
        if not isinstance(row, dict):
            mistakes.add(loc, "must be a table: write [[accounts]] and the account's values below")
            continue
        table = cast("dict[str, Any]", row)
        _check_name(table.get("name"), loc, names, mistakes)
        account = _read(table, loc, mistakes)
        if account is not None:
            accounts.append(account)
    return tuple(accounts)


def names_of(rows: Any) -> list[str]:
    """The names that rows of `[[accounts]]` give, whatever else is wrong with them."""
    listed = cast("list[Any]", rows) if isinstance(rows, list) else []
    tables = [cast("dict[str, Any]", row) for row in listed if isinstance(row, dict)]
    return [name for table in tables if isinstance(name := table.get("name"), str)]


def _check_name(name: Any, loc: Loc, names: dict[str, int], mistakes: Mistakes) -> None:
    place = (*loc, "name")
    if name is None:
        mistakes.add(place, 'is missing: give the account a name of its own, name = "main-shop"')
    elif not isinstance(name, str):
        mistakes.add(place, "must be text in quotes")
    elif not _NAME.fullmatch(name) or name != name.strip():
        mistakes.add(place, "must be 1 to 64 letters, digits, spaces or . - _ & + ', and begin with a letter or digit")
    elif name in names:
        mistakes.label(loc, f'account "{name}"')
        mistakes.add(place, f"is the name of accounts[{names[name]}] too: names must be unique, change one")
    else:
        names[name] = int(loc[-1])
        mistakes.label(loc, f'account "{name}"')


def _read(row: dict[str, Any], loc: Loc, mistakes: Mistakes) -> Account | None:
    marketplace = row.get("marketplace")
    if not isinstance(marketplace, str) or marketplace not in ADAPTERS:
        mistakes.add((*loc, "marketplace"), _unknown_marketplace(marketplace))
        return None
    _check_limit(row.get("limit"), loc, mistakes)
    model = ADAPTERS[marketplace].account
    try:
        return model.model_validate(row)
    except ValidationError as error:
        for place, words in findings(error, model):
            mistakes.add((*loc, *place), _without_values(words, row))
    return None


def _unknown_marketplace(marketplace: Any) -> str:
    if marketplace is None:
        return f"is missing: use one of {', '.join(ADAPTERS)}"
    if not isinstance(marketplace, str):
        return "must be text in quotes"
    return f"is not a marketplace that is known here: {suggest(marketplace, ADAPTERS)}"


def _check_limit(limit: Any, loc: Loc, mistakes: Mistakes) -> None:
    if isinstance(limit, str):
        try:
            Limit.parse(limit)
        except ValueError as error:
            mistakes.add((*loc, "limit"), str(error))


def _without_values(words: str, row: dict[str, Any]) -> str:
    for value in row.values():
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET and value not in ADAPTERS:
            words = words.replace(value, "…")
    return words
