"""A real answer as one that may be shown: shape and words of state kept, personal and commercial values made up.

What is kept is named here; everything else is replaced, so that a field nobody has seen yet is replaced too:

- kept: keys, structure, null, true and false, empty texts, zero; dates; words of state (`status`, `poolState`,
  `batchRequestType` …) and codes of errors; numbers that count (`itemCount`, `http_status` …)
- replaced by made-up values of the same shape and type: all other texts and numbers
- prose (`message`, `failureReasons` …): its words stay; addresses, numbers, quoted names, and values that were
  replaced elsewhere do not
- secrets of the account go wherever they stand, in keys and inside of words too

The same value becomes the same made-up value throughout, so ids still match each other.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, cast

from adapters.scrub_words import COUNTS, ERROR_PARTS, PROSE, STATES, TIMES, folded

REMOVED: Final = "removed"
_SHORTEST: Final = 4
"""Characters from which a value is looked for inside of other texts."""
_WORD: Final = re.compile(r"(?!.*\d{4})[A-Za-z][A-Za-z0-9_ .:%/-]{0,60}|[0-9 .,/%]{1,12}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?\s?(Z|[+-]\d\d:?\d\d)?)?")
_URL: Final = re.compile(r"(https?)://[^\s\"'<>]+")
_EMAIL: Final = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[A-Za-z]{2,}")
_PIECES: Final = (
    r"https?://[^\s\"'<>]+",
    _EMAIL.pattern,
    r"(?<=[\"\u201c\u201d\u00ab'])[^\"'\u201c\u201d\u00ab\u00bb\u2019]{1,200}(?=[\"'\u201c\u201d\u00bb\u2019])",
    r"[+-]?\d(?:[\d .,-]*\d)?",
)
"""What is replaced in prose: addresses, what stands in quotation marks, numbers."""
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_DATA_KEY: Final = re.compile(r"\d{5,}|@|[0-9a-f]{8}-")
_HEX: Final = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")


def _is_count(key: str) -> bool:
    return key in COUNTS or key.endswith("count")


class Scrubber:
    """Replaces values and remembers by what, for all answers of one recording."""

    def __init__(self, dice: random.Random, secrets: Iterable[str] = ()) -> None:
        self._dice = dice
        self._made_up: dict[str, str] = {}
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._names: list[str] = []
        """Values with letters that were replaced, longest first: they may stand in prose."""

    def scrub(self, answers: Iterable[object]) -> list[object]:
        """The answers (JSON as Python values, numbers with a point as `Decimal`) with their values replaced."""
        found = list(answers)
        for answer in found:
            self._walk(answer)  # once to learn which values are replaced, so that prose can be rid of them
        names = (value for value in self._made_up if len(value) >= _SHORTEST and not value.isdecimal())
        self._names = sorted(names, key=len, reverse=True)
        return [self._walk(answer) for answer in found]

    def replace(self, value: str) -> str:
        """The made-up value of this one: the same whenever it comes again."""
        value = self._without_secrets(value)
        if not value or value == REMOVED:
            return value
        if value not in self._made_up:
            self._made_up[value] = self._invent(value)
        return self._made_up[value]

    def _walk(self, value: object, key: str = "", *, is_error: bool = False) -> object:
        if isinstance(value, dict):
            table = cast("dict[str, Any]", value)
            inside = not ERROR_PARTS.isdisjoint(map(folded, table))
            return {self._key(name): self._walk(inner, name, is_error=inside) for name, inner in table.items()}
        if isinstance(value, list):
            return [self._walk(inner, key, is_error=is_error) for inner in cast("list[Any]", value)]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, folded(key), is_error=is_error)
        return self._number(value, folded(key))

    def _key(self, name: str) -> str:
        # a table by id or address: there the key is a value
        return self.replace(name) if _DATA_KEY.search(name) else self._without_secrets(name)

    def _text(self, value: str, key: str, *, is_error: bool) -> str:
        value = self._without_secrets(value)
        if _DATE.fullmatch(value):
            return value
        if (key in STATES or (is_error and key in {"attribute", "code"})) and _WORD.fullmatch(value):
            return value
        if _is_count(key) and _DIGITS.fullmatch(value):
            return value
        if key == "path" and value.startswith("/"):
            return self._path(value)
        return self._prose(value) if key in PROSE else self.replace(value)

    def _path(self, path: str) -> str:
        """A path of an API: its version and its collection are no secrets."""
        segments = path.split("/")
        return "/".join((*segments[:3], *map(self.replace, segments[3:])))

    def _number(self, value: Any, key: str) -> Any:
        if value == 0 or _is_count(key):
            return value
        if (key in TIMES or key.endswith(("date", "at", "time"))) and value > 100_000_000:
            return value
        return type(value)(self.replace(format(value, "f") if isinstance(value, Decimal) else str(value)))

    def _prose(self, text: str) -> str:
        named = [re.escape(value) for value in self._names if value in text]
        return re.sub("|".join((*named, *_PIECES)), lambda found: self._piece(found[0]), text)

    def _piece(self, text: str) -> str:
        return text if len(text) < 3 and text.isdecimal() else self.replace(text)

    def _without_secrets(self, text: str) -> str:
        return self._secrets.sub(REMOVED, text) if self._secrets is not None else text

    def _invent(self, value: str) -> str:
        url = _URL.fullmatch(value)
        if url is not None:
            return f"{url[1]}://example.com/{self._shaped(value[len(url[1]) + 3 :].partition('/')[2])}"
        if _EMAIL.fullmatch(value):
            return f"{self._shaped(value.partition('@')[0])}@example.com"
        for _ in range(20):
            made_up = self._shaped(value)
            if made_up != value:
                return made_up
        return value  # of signs alone: nothing in it can be made up

    def _shaped(self, value: str) -> str:
        letters: Mapping[bool, str] = {True: string.ascii_uppercase, False: string.ascii_lowercase}
        if _HEX.fullmatch(value) and any(c.isdigit() for c in value):
            letters = {True: "ABCDEF", False: "abcdef"}
        choose: Callable[[str], str] = self._dice.choice
        made_up: list[str] = []
        for position, character in enumerate(value):
            if character.isdecimal():
                first = not any(c.isdecimal() for c in value[:position])
                made_up.append("0" if character == "0" and first else choose("123456789" if first else string.digits))
            elif character.isalpha():
                made_up.append(choose(letters[character.isupper()]))
            else:
                made_up.append(character)
        return "".join(made_up)
