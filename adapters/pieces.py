"""Objects of a marketplace that are read field by field, when somebody looks: a batch has thousands of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Self, TypeVar, overload

from msgspec import Raw
from pydantic.alias_generators import to_camel

from adapters import decoding

T = TypeVar("T")


class Piece:
    """An object by its untouched members. Attributes are `Read`s, named in snake_case; nothing is required."""

    __slots__ = ("members",)

    def __init__(self, members: Mapping[str, Raw]) -> None:
        self.members: Final = members

    @classmethod
    def of(cls, piece: Raw | bytes | None) -> Self | None:
        """The object of these bytes; None for every other piece."""
        members = decoding.members(piece)
        return cls(members) if members else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.members == other.members

    def __hash__(self) -> int:
        return hash(frozenset(self.members))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self.members)})"


class Read(Generic[T]):
    """One field of a `Piece`: what `read` makes of its bytes, or of None where it is not there.

    `key` is the marketplace's, where it is not the attribute's name in camelCase.
    """

    __slots__ = ("_key", "_read")

    def __init__(self, read: Callable[[Any], T], key: str = "") -> None:
        self._read = read
        self._key = key

    def __set_name__(self, owner: type, name: str) -> None:
        self._key = self._key or to_camel(name)

    @overload
    def __get__(self, piece: None, owner: type) -> Self: ...
    @overload
    def __get__(self, piece: Piece, owner: type) -> T: ...
    def __get__(self, piece: Piece | None, owner: type) -> T | Self:
        return self if piece is None else self._read(piece.members.get(self._key))
