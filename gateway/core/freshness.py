"""How long a state counts as fresh: by what it says, jittered so that states read together do not age together."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from gateway.core.state import State

DAY = 86_400.0


class Lifetimes(BaseModel):
    """`[cache]`: seconds that an answer counts as fresh, by what it says, and the bounds of what is kept in memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    terminal: float = Field(
        default=7 * DAY, gt=0, description="A terminal state: the marketplace may forget it, we do not"
    )
    unsettled: float = Field(default=300.0, gt=0, description="A terminal state that the marketplace may still refine")
    moving: float = Field(default=2.0, ge=0, description="A state that may change at any moment")
    revalidate: float = Field(default=3.0, ge=0, description="After `moving`: answered at once while it is asked again")
    not_found: float = Field(default=5.0, ge=0, description="How long a not-found is remembered")
    jitter: float = Field(
        default=0.1, ge=0, lt=1, description="Share by which lifetimes are shortened, differing by state"
    )
    max_entries: int = Field(default=20_000, ge=1, description="States kept in memory")
    max_bytes: int = Field(default=256 * 1024 * 1024, ge=1024, description="Bytes of answers kept in memory")


@dataclass(frozen=True, slots=True)
class Freshness:
    """Decides with `Lifetimes`; ages and lifetimes are seconds."""

    lifetimes: Lifetimes

    def lifetime(self, state: State) -> float:
        """How long this state counts as fresh: shortened by a share that differs from state to state."""
        snapshot = state.snapshot
        if not snapshot.is_terminal:
            seconds = self.lifetimes.moving
        else:
            seconds = self.lifetimes.terminal if snapshot.is_settled else self.lifetimes.unsettled
        share = zlib.crc32(f"{state.ref.id}{state.version}".encode()) / 2**32
        return seconds * (1.0 - self.lifetimes.jitter * share)

    def is_fresh(self, state: State, now: float, max_age: float | None) -> bool:
        """True where it may be given without asking the marketplace. `max_age` is the client's; 0 asks now."""
        age = now - state.checked
        if max_age is not None:
            return max_age > 0 and age <= max_age
        return age <= self.lifetime(state)

    def may_revalidate(self, state: State, now: float, max_age: float | None) -> bool:
        """True where it may be given at once while the marketplace is asked again behind it."""
        return max_age is None and now - state.checked <= self.lifetime(state) + self.lifetimes.revalidate
