"""Foreign text on its way into a log line or a label: whatever it holds, it stays on its line and says what it is."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 300


def shown(text: str, longest: int = _LONGEST) -> str:
    """The text, cut to a length; with anything that does not print, or a backslash, escaped as Python writes it."""
    if len(text) > longest:
        text = f"{text[:longest]}…"
    return text if text.isprintable() and "\\" not in text else repr(text)[1:-1]
