"""What a test needs beyond Python: skipped where it is missing, failed where it was promised."""

from __future__ import annotations

import os
import resource

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


def need_files(count: int) -> None:
    """Let this process, and those that it starts, have so many files and sockets open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = hard == resource.RLIM_INFINITY or hard >= count
    need("files", is_there=is_enough, how=f"ulimit -Hn {count}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
