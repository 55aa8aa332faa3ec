"""When a batch should be asked again: pure arithmetic, in seconds, without a clock.

*As long as it has run, it will run on.* Batches take from a tenth of a second to an hour, and nobody tells which it
will be. When durations are spread so widely, the chance that a batch ends within the next moment falls with its age,
nearly as 1 ÷ age. So it is asked again once a fixed share of its age has passed, and gaps grow with it:
`(0.7 + age)^0.9 / eagerness`.

*What moves is followed more closely.* Silence is aged like the batch itself, and the geometric mean of both counts.
Where nothing was ever seen to change, the two are the same.

*Progress, where it is told, says more than age.* The next question then goes to the expected end, or, far from it, is
asked once in a twentieth of the way, and never later than a silent one of its age.

`docs/cadence.md` has the reasons and the figures, `tests/bench/simulation.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_HEAD_START: Final = 0.7
"""Seconds added to every age: the youngest are asked every few tenths of a second, not faster and faster."""
_GROWTH: Final = 0.9
"""Gaps grow with this power of the age. A little less than 1, because the oldest do not quite double their age. With
`_HEAD_START` it comes within half a percent of the best schedule there is for durations as in the simulation."""
_LOOKS: Final = 20.0
"""Looks at what remains of a batch that tells its progress: a bar in steps of a twentieth needs no more.

The first steps say little about the rate, so a moving batch never waits longer than a silent one of its age."""
_OVERSHOOT: Final = 1.05
"""The question aims a little behind the expected end: one that comes before it is wasted."""
_NEWEST: Final = 0.5
"""Weight of the newest step in the rate of progress: minutes spent in a queue are forgotten within a few steps."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How eagerly the batches of one account are followed."""

    eagerness: float = 2.4
    """Gaps are divided by it: more calls, less delay. 1.1 makes as many calls as the schedule 1-2-4-8-15-30 s."""
    longest: float = 60.0
    """Seconds between two questions at most, jitter included, as long as the budget lasts and somebody watches."""
    patience: float = 3.0
    """While nobody watches a batch, all its gaps are this many times longer."""
    jitter: float = 0.1
    """Each gap is drawn from this share around its length, so that batches of one moment drift apart."""

    def interval(self, age: float, quiet: float, remaining: float | None = None) -> float:
        """Seconds from one reading to the next question, before jitter.

        `age` is how long the batch has run, `quiet` how long it was not seen to change, `remaining` the time to its
        expected end where its progress tells one; all in seconds.
        """
        gap = self._silent(((_HEAD_START + age) * (_HEAD_START + quiet)) ** 0.5)
        if remaining is not None:
            far = min(remaining / _LOOKS, self._silent(_HEAD_START + age))
            gap = min(max(gap, far), max(remaining * _OVERSHOOT, self._silent(_HEAD_START)))
        return min(gap, self.longest)

    def _silent(self, age: float) -> float:
        return age**_GROWTH / self.eagerness

    def jittered(self, interval: float, chance: float) -> float:
        """Return the interval as it is kept; `chance` is a random number from 0 to 1."""
        return min(interval * (1.0 + self.jitter * (2.0 * chance - 1.0)), self.longest)

    def worth(self, waited: float, interval: float) -> float:
        """Seconds of delay that a question now is expected to uncover: who goes first when not all can.

        It is the time since the last reading times the chance that something has happened in it. An interval of 0
        stands for a batch that was never read, whose first reading is news for certain. Nothing counts as older than
        `longest`: without that, the oldest would pay for the mean.
        """
        if waited <= 0.0:
            return 0.0
        age = min(interval * self.eagerness, self.longest)
        return waited * waited / (age + waited)


@dataclass(frozen=True, slots=True)
class Trend:
    """How a batch gets on, from the progress that its marketplace tells."""

    at: float
    """When it was last seen to step, in seconds of the caller's counter."""
    done: float
    """Its progress then, from 0 to 1."""
    rate: float | None = None
    """Progress per second, the newest step counting most; None until a step was seen."""

    def seen(self, now: float, done: float) -> Trend:
        """Return the trend after a reading. Where progress falls, it begins anew."""
        if done == self.done:
            return self
        if done < self.done or now <= self.at:
            return Trend(now, done)
        step = (done - self.done) / (now - self.at)
        return Trend(now, done, step if self.rate is None else _NEWEST * step + (1.0 - _NEWEST) * self.rate)

    def remaining(self, now: float) -> float | None:
        """Seconds to the expected end; None where none can be told, or the one that was has passed."""
        if self.rate is None:
            return None
        remaining = self.at + (1.0 - self.done) / self.rate - now
        return remaining if remaining > 0.0 else None
