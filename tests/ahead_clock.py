"""The machine's clock, set forward: real sockets and real waits, and an hour that passes at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from adapters.clock import SystemClock


class Ahead(SystemClock):
    """Goes ahead of the machine's by `seconds`."""

    seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.seconds)
