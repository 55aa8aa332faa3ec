"""`${NAME}` and `file:/path` in a configuration: values that stand elsewhere, most of them secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from gateway.config.mistakes import Loc, Mistakes

_NAME: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PREFIX: Final = "file:"
_LARGEST: Final = 64 * 1024
"""Bytes: a secret is small, and a path that names something else is a slip."""


class _Unresolved(Exception):
    """A reference that leads nowhere; the text says what to do."""


class References:
    """Puts the values in place of their references and remembers them, so that they can be kept out of messages."""

    def __init__(self, environ: Mapping[str, str], folder: Path, mistakes: Mistakes) -> None:
        self._environ = environ
        self._folder = folder
        """Where relative paths start: the folder of the configuration file."""
        self._mistakes = mistakes
        self.values: set[str] = set()

    def resolve(self, value: Any, loc: Loc = ()) -> Any:
        """The value with every reference in it resolved; one that leads nowhere is noted and left as it is."""
        if isinstance(value, dict):
            table = cast("dict[str, Any]", value)
            return {key: self.resolve(inner, (*loc, key)) for key, inner in table.items()}
        if isinstance(value, list):
            rows = cast("list[Any]", value)
            return [self.resolve(inner, (*loc, index)) for index, inner in enumerate(rows)]
        if isinstance(value, str):
            return self._text(value, loc)
        return value

    def _text(self, text: str, loc: Loc) -> str:
        try:
            if text.startswith(_PREFIX):
                resolved = self._read(Path(text.removeprefix(_PREFIX)))
            elif "${" in text:
                resolved = self._substitute(text)
            else:
                return text
        except _Unresolved as unresolved:
            self._mistakes.add(loc, str(unresolved))
            return text
        self.values.add(resolved)
        return resolved

    def _substitute(self, text: str) -> str:
        if "${" in _NAME.sub("", text):
            raise _Unresolved("has a ${ that is no reference: write ${NAME}, or put the value in a file (file:/path)")
        for name in _NAME.findall(text):
            if name not in self._environ:
                raise _Unresolved(f"environment variable {name} is not set: set it, or use file:/path")
        return _NAME.sub(self._variable, text)

    @property
    def _variable(self) -> Callable[[re.Match[str]], str]:
        return lambda match: self._environ[match[1]]

    def _read(self, path: Path) -> str:
        place = self._folder / path.expanduser()
        try:
            if not place.is_file():
                raise _Unresolved(f"there is no file {path}: create it, or mend the path")
            if place.stat().st_size > _LARGEST:
                raise _Unresolved(f"{path} is too large for a secret: mend the path")
            text = place.read_text(encoding="utf-8-sig").rstrip("\r\n")
        except OSError as error:
            raise _Unresolved(f"{path} cannot be read ({error.strerror}): mend its permissions") from error
        except (UnicodeDecodeError, ValueError) as error:
            raise _Unresolved("names a file that is not UTF-8 text: save the value as plain text") from error
        if not text:
            raise _Unresolved(f"{path} is empty: write the value into it")
        return text
