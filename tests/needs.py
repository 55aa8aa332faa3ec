"""What a test needs beyond Python: skipped where it is missing, failed where it was promised."""

from __future__ import annotations

import os

import pytest

PROMISED = "BATCH_GATEWAY_TESTS_REQUIRE"


def need(name: str, *, is_there: bool, how: str) -> None:
    """Go on where `name` is there. `BATCH_GATEWAY_TESTS_REQUIRE=browser,node`, as CI sets it, forbids skipping."""
    if is_there:
        return
    words = f"{name} is missing: {how}"
    if name in os.environ.get(PROMISED, "").split(","):
        pytest.fail(words)
    pytest.skip(words)
