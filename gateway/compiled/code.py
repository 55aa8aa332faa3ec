"""One generated function: its lines, and the objects that they name.

No text of a client is ever part of a line. Lines hold names made here, attribute and parameter names of the schema's
Python classes, and bounds of numbers; everything else, response keys included, is reached through a name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Code:
    """Collects lines; `build` makes them a function."""

    def __init__(self, signature: str) -> None:
        self._lines = [f"def made({signature}):"]
        self._names: dict[str, object] = {}
        self._variables = 0
        self._depth = 1

    def line(self, text: str) -> None:
        """Add a line at the current depth."""
        self._lines.append("    " * self._depth + text)

    def indent(self, by: int = 1) -> None:
        """Go deeper, or come back."""
        self._depth += by

    def name(self, value: object, kind: str) -> str:
        """A name for an object, unused so far."""
        name = f"{kind}_{len(self._names)}"
        self._names[name] = value
        return name

    def fresh(self) -> str:
        """A variable that is not in use."""
        self._variables += 1
        return f"value_{self._variables}"

    def build(self) -> Callable[..., Any]:
        """The function."""
        scope = dict(self._names)
        exec(compile("\n".join(self._lines), "<compiled selection>", "exec"), scope)  # noqa: S102  # see above
        made: Any = scope["made"]
        return made
