"""Lists whose members stay what they are: whoever made something of a member may keep it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, overload

T = TypeVar("T")


class Chosen(Sequence[T]):
    """Some members of what lasts, by their indexes; each is made when somebody looks at it.

    A field that answers this promises that the member of an index is the same in every answer about the same `owner`,
    in all that may be asked of it. What is kept for that reason lives as long as the owner, which has a weak reference.
    """

    __slots__ = ("indexes", "make", "owner")

    def __init__(self, owner: object, indexes: Sequence[int], make: Callable[[int], T]) -> None:
        self.owner: Final = owner
        self.indexes: Final = indexes
        self.make: Final = make

    def __len__(self) -> int:
        return len(self.indexes)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Chosen[T]: ...
    def __getitem__(self, index: int | slice) -> T | Chosen[T]:
        if isinstance(index, slice):
            return Chosen(self.owner, self.indexes[index], self.make)
        return self.make(self.indexes[index])
