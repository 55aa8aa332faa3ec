"""What the variables of one run bring to compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

from graphql.execution.values import VariableValues
from graphql.pyutils import Undefined

from gateway.compiled.arguments import Arguments

Setting = tuple[object, ...]

_PLAIN: Final = (str, bool, int, type(None), Enum)
"""Values that are equal only where answers made with them are."""


class Bound(dict[int, dict[str, Any]]):
    """Arguments that hang on the variables of one run, by their number, read when they are first asked for."""

    __slots__ = ("_hanging", "_values")

    def __init__(self, hanging: Sequence[Arguments], values: VariableValues) -> None:
        super().__init__()
        self._hanging = hanging
        self._values = values

    def __missing__(self, number: int) -> dict[str, Any]:
        found = self[number] = self._hanging[number].of(self._values)
        return found

    def setting(self, names: Sequence[str]) -> Setting | None:
        """Equal for two runs that give these variables the same values; None where that is not certain."""
        if not names:
            return ()
        found: list[object] = []
        for name in names:
            value = self._values.coerced.get(name, Undefined)
            if not isinstance(value, _PLAIN) and value is not Undefined:
                return None
            found += type(value), value
        return tuple(found)
