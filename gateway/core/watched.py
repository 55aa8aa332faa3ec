"""One watched batch: its channels, its clock, and when a failure is final."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from adapters.errors import (
    BatchError,
    ErrorCode,
    Expired,
    Forbidden,
    GaveUp,
    InternalError,
    NotFound,
    Rejected,
    Unauthenticated,
)
from adapters.model import BatchRef
from gateway.core.state import State
from gateway.core.subscription import Subscription
from gateway.core.updates import Channel, Detail

REFUSALS = (Unauthenticated, Forbidden, Rejected, InternalError)
"""Failures that rarely pass: they end a watch after several of them over a while."""


class WatchLimits(BaseModel):
    """`[watch]`: how many batches are watched, for how long, and how patiently. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max: int = Field(default=10_000, ge=1, description="Batches watched at once")
    deadline: float = Field(
        default=21_600.0, gt=0, description="Longest watch; the marketplace's retention ends it earlier"
    )
    grace: float = Field(default=60.0, ge=0, description="How long a batch may be unknown before NOT_FOUND is final")
    refusals: int = Field(default=3, ge=1, description="Refused credentials in a row that end a watch …")
    refused_for: float = Field(default=60.0, ge=0, description="… once they have been refused for this long")
    error_interval: float = Field(default=60.0, gt=0, description="A kind of failure is told once in this time")
    last_look: float = Field(
        default=30.0,
        ge=0,
        description="Least time left to a watch that is resumed: also after its deadline it is still asked",
    )

    def deadline_of(self, retention: int | None) -> float:
        """Seconds from the start of a watch to its deadline."""
        return self.deadline if retention is None else min(self.deadline, float(retention))


@dataclass(slots=True, eq=False)
class Watch:
    """Mutable, owned by `Watches`; times are of the steady clock, in seconds."""

    ref: BatchRef
    born: float
    deadline: float
    limits: WatchLimits
    state: State | None = None
    last_change: float = 0.0
    is_held: bool = False
    """True while it is this process that asks for it."""
    last_seen: float = 0.0
    """When it was last read, or at least followed from: the grace for a batch that is not found counts from then."""
    is_listed: bool = False
    """True while it is in the list of those without subscribers."""
    failure: BatchError | None = None
    """What went wrong when it was last asked for; None where it was read."""
    channels: dict[Detail, Channel] = field(default_factory=dict[Detail, Channel])
    _told: dict[ErrorCode, float] = field(default_factory=dict[ErrorCode, float])
    _refusals: int = 0
    _refused_since: float = 0.0

    def __post_init__(self) -> None:
        self.last_change = self.last_seen = self.born

    @property
    def is_attended(self) -> bool:
        """True while a stream is subscribed."""
        return any(channel.receivers for channel in self.channels.values())

    def join(self, subscription: Subscription, detail: Detail) -> None:
        """Add a stream; it is given the current state at once, or the failure that stands in its place."""
        channel = self.channels.get(detail)
        if channel is None:
            channel = self.channels[detail] = Channel(self.ref, detail)
            if self.state is not None:
                channel.tell(self.state)
        channel.join(subscription, self.failure)

    def leave(self, subscription: Subscription) -> None:
        """Remove a stream."""
        for channel in self.channels.values():
            channel.receivers.discard(subscription)

    def tell(self, state: State) -> None:
        """Take what was read, whoever asked."""
        if self.state is None or state.version != self.state.version:
            self.last_change = state.checked
        self.state = state
        self.last_seen = max(self.last_seen, state.checked)
        self._refusals = 0
        self.failure = None
        for channel in self.channels.values():
            channel.tell(state)

    def fail(self, error: BatchError, now: float) -> bool:
        """Take a failure; True where it ends the watch."""
        final = self._is_final(error, now)
        self.tell_failure(error, now, is_final=final)
        return final

    def tell_failure(self, error: BatchError, now: float, *, is_final: bool) -> None:
        """Tell the streams of a failure, of each kind once in a while, and of the final one in any case."""
        self.failure = error.with_traceback(None)  # it may stay for hours, and would hold all that its calls held
        last = self._told.get(error.code)
        if is_final or last is None or now - last >= self.limits.error_interval:
            self._told[error.code] = now
            for channel in self.channels.values():
                channel.fail(error, is_final=is_final)

    def give_up(self, now: float) -> None:
        """End at the deadline, in words that say what was seen."""
        error = GaveUp(self._giving_up(now))
        for channel in self.channels.values():
            channel.fail(error, is_final=True)

    def _giving_up(self, now: float) -> str:
        words = f"Watched for {_duration(now - self.born)} without an end, which is as long as it makes sense to wait."
        if self.state is None:
            return f"{words} The marketplace never answered about it: check the account and ask again later."
        if not self.state.snapshot.is_confirmed:
            return f"{words} {UNCONFIRMED}"
        return f"{words} Ask for it again, or look it up in the marketplace's own panel."

    def _is_final(self, error: BatchError, now: float) -> bool:
        if isinstance(error, Expired):
            return True
        if isinstance(error, NotFound):
            return now - self.last_seen >= self.limits.grace
        if not isinstance(error, REFUSALS):
            return False
        if self._refusals == 0:
            self._refused_since = now
        self._refusals += 1
        return self._refusals >= self.limits.refusals and now - self._refused_since >= self.limits.refused_for

    def dump(self, now: float) -> dict[str, object]:
        """The watch as plain data."""
        snapshot = self.state.snapshot if self.state is not None else None
        return {
            "source": self.ref.source,
            "account": self.ref.account,
            "id": self.ref.id,
            "status": snapshot.status.value if snapshot is not None else None,
            "subscribers": sum(len(channel.receivers) for channel in self.channels.values()),
            "watched_for": round(now - self.born, 1),
            "deadline_in": round(self.deadline - now, 1),
        }


UNCONFIRMED = (
    "The marketplace answers as if it were processing, and has shown nothing of it: check the id and the account."
)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
