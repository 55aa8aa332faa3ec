"""Which keys were surely never added: a Bloom filter of fixed size, so that a look into a file can be left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_BITS: Final = 23
"""1 MiB. Of a million keys, two in a hundred others are taken for one of them."""
_LAST: Final = (1 << _BITS) - 1


class Sieve:
    """Remembers keys, and forgets none. It may take another key for one of them, never the other way round."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(1 << (_BITS - 3))

    def __contains__(self, key: str) -> bool:
        bits = self._bits
        return all(bits[place >> 3] & 1 << (place & 7) for place in _places(key))

    def add(self, key: str) -> None:
        """Remember a key."""
        bits = self._bits
        for place in _places(key):
            bits[place >> 3] |= 1 << (place & 7)

    def update(self, keys: Iterable[str]) -> None:
        """Remember several."""
        for key in keys:
            self.add(key)


def _places(key: str) -> Iterator[int]:
    found = hash(key)  # 64 bits, seeded anew in each process: nobody can choose keys that meet
    step = (found >> _BITS) | 1
    return ((found + number * step) & _LAST for number in range(4))
