"""Which keys were surely never added."""

from __future__ import annotations

from gateway.core.sieve import Sieve


def test_what_was_added_is_in_it_and_hardly_anything_else() -> None:
    sieve = Sieve()
    assert "k" not in sieve
    assert sieve.admit(["k"]) == []
    assert sieve.admit(["k", "other", "other"]) == ["k", "other"]
    sieve.admit(f"key-{number}" for number in range(20_000))
    assert "k" in sieve
    assert all(f"key-{number}" in sieve for number in range(20_000))
    assert sum(f"other-{number}" in sieve for number in range(20_000)) < 20
