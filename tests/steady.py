"""Answers without what differs from run to run."""

from __future__ import annotations

import re


def steady(answer: bytes) -> bytes:
    """Without ids of errors in the log, and addresses of objects."""
    return re.sub(rb"\b[0-9a-f]{16}\b|0x[0-9a-f]+", b"#", answer)
