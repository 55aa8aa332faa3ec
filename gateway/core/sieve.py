"""Which keys were surely never added: a Bloom filter of fixed size, so that a look into a file can be left out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_BITS: Final = 24
"""2 MiB. Of a million keys, one in a hundred others is taken for one of them; of a hundred thousand, one in 7,000."""
_BYTE: Final = (1 << (_BITS - 3)) - 1


class Sieve:
    """Remembers keys, and forgets none. It may take another key for one of them, never the other way round."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(1 << (_BITS - 3))

    def __contains__(self, key: str) -> bool:
        # two places of 24 bits, from 64 that are seeded anew in each process: nobody can choose keys that meet
        found, bits = hash(key), self._bits
        if not bits[found >> 3 & _BYTE] & 1 << (found & 7):
            return False
        found >>= _BITS
        return bool(bits[found >> 3 & _BYTE] & 1 << (found & 7))

    def admit(self, keys: Iterable[str]) -> list[str]:
        """Remember several; those that were perhaps remembered before come back."""
        bits, known = self._bits, list[str]()
        for key in keys:
            found = hash(key)
            first, second = found >> 3 & _BYTE, found >> _BITS + 3 & _BYTE
            one, other = 1 << (found & 7), 1 << (found >> _BITS & 7)
            if bits[first] & one and bits[second] & other:
                known.append(key)
            else:
                bits[first] |= one
                bits[second] |= other
        return known
