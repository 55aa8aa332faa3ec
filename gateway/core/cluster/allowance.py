"""An account's limit, divided: most of it is common to all replicas, the rest is reserved, a share for each.

The common part is spent through the server, by whoever needs it. The reserve is each replica's own, with or without the
server, so that losing it stops nobody for a moment. Once a replica has been away for so long that the others must have
noticed, it may use its share of the common part too; they leave it untouched. But for a quarter of it, which is only
ever spent through the server: the lost may be dead and hold all the shares, and whoever takes their place goes on.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from adapters.window import Limit
from gateway.core.cluster.session import EXTENDED, RESERVED, Session
from gateway.core.cluster.shares import Share

_RESERVE: Final = 0.25
"""Part of a limit that is reserved."""
_FOR_THE_LIVING: Final = 0.25
"""Part of what is common that a lost replica has no share in."""
_FEW: Final = 2
"""Calls in common that are too few to keep one of them from the lost: a server that is away would stop everybody."""
_BEATS: Final = 3
"""Beats within which the others notice that a member is lost."""
_DOUBT: Final = 0.1
"""Seconds by which the end of a life may differ, here and on the server."""
_ROUNDING: Final = 1e-6


class Allowance(NamedTuple):
    """What one replica may spend of one account's limit."""

    limit: Limit
    longest: float
    """Seconds that a call may last."""

    @property
    def common(self) -> int:
        """Calls per window that are spent through the server."""
        return self.limit.calls - self._reserve

    @property
    def extended(self) -> int:
        """Calls per window, of the common ones, that are shared out among those who go on without the server."""
        if self.common <= _FEW:
            return self.common
        return self.common - max(1, math.floor(self.common * _FOR_THE_LIVING))

    def own(self, session: Session) -> int:
        """Calls per window that this replica may make without asking."""
        lapsed = session.lapsed_for
        if lapsed is not None and lapsed > RESERVED:
            return 0
        reserve = self.reserve(session)
        if lapsed is None or lapsed > EXTENDED or session.is_returning or session.out_for <= self.notice(session):
            return reserve
        return reserve + self._part(self.extended, session.extended, session)

    def reserve(self, session: Session) -> int:
        """The part of `own` that is never anybody else's."""
        return self._part(self._reserve, session.reserved, session)

    def notice(self, session: Session) -> float:
        """Seconds after its end until all calls that others made in ignorance of it have gone by."""
        return _BEATS * session.timing.rhythm + self.limit.seconds + self.longest

    def quiet(self, session: Session) -> float:
        """Seconds after its end by the server's clock for which a member surely keeps to its reserve."""
        return self.notice(session) - _DOUBT

    @property
    def _reserve(self) -> int:
        return math.floor(self.limit.calls * _RESERVE)

    def _part(self, calls: int, share: Share, session: Session) -> int:
        return math.floor(calls * share.usable(session.now - self.limit.seconds - self.longest) + _ROUNDING)
