"""What is wrong with a configuration: one line for each mistake, all of them told at once.

A line names the file (or the environment), the key and the mend. It never shows a value: where a key holds the wrong
thing, that thing may be a secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

ENVIRONMENT = "environment"

Loc = tuple[int | str, ...]
"""Where a value stands: `("accounts", 1, "api_key")`."""


class Mistake(NamedTuple):
    """One mistake: where it was found, its key there (empty for the whole), and words that say how to mend it."""

    where: str
    key: str
    words: str

    def __str__(self) -> str:
        parts = (self.where, self.key, self.words) if self.key else (self.where, self.words)
        return ": ".join(" ".join(part.split()) for part in parts)


class SettingsError(Exception):
    """A configuration that cannot be used; `mistakes` are all that were found in it."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class Mistakes:
    """Collects mistakes while a configuration is read: at most one for each place."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._found: dict[tuple[str, Loc], str] = {}
        self._labels: dict[Loc, str] = {}

    def label(self, loc: Loc, label: str) -> None:
        """Words that are shown in brackets behind every key below this place: the name of an account."""
        self._labels[loc] = label

    def add(self, loc: Loc, words: str) -> None:
        """Note a mistake in the file; a second one about the same place is most likely its consequence."""
        self._found.setdefault((self.where, loc), words)

    def add_variable(self, name: str, words: str) -> None:
        """Note a mistake in an environment variable."""
        self._found.setdefault((ENVIRONMENT, (name,)), words)

    def is_in(self, *keys: str) -> bool:
        """True where a mistake was found below one of these keys of the file."""
        return any(where == self.where and loc[:1] and loc[0] in keys for where, loc in self._found)

    def error(self) -> SettingsError:
        """All that was found, to be raised."""
        return SettingsError(
            Mistake(where, self._key(loc) if where == self.where else str(loc[0]), words)
            for (where, loc), words in self._found.items()
        )

    def raise_any(self) -> None:
        """Raise `SettingsError` with all that was found, if anything was."""
        if self._found:
            raise self.error()

    def _key(self, loc: Loc) -> str:
        labels = (label for place, label in self._labels.items() if loc[: len(place)] == place)
        return key_of(loc) + "".join(f" ({label})" for label in labels)


def key_of(loc: Loc) -> str:
    """The place as it is written about: `accounts[1].api_key`."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def suggest(word: str, known: Iterable[str]) -> str:
    """Words behind "unknown …": the nearest known one, else all of them."""
    names = list(known)
    near = difflib.get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "use one of " + ", ".join(names)
