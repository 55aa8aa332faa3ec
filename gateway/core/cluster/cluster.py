"""The replicas as one gateway, put together: what each part of the core is given, and the beat behind all of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Final, NamedTuple

from adapters.base import Account
from adapters.budget import Budget
from adapters.clock import Clock
from adapters.model import BatchRef
from adapters.window import Limit
from gateway.core.accounts import Accounts
from gateway.core.batches import Batches
from gateway.core.cluster import news
from gateway.core.cluster.allowance import Allowance
from gateway.core.cluster.budget import SharedBudget
from gateway.core.cluster.duties import SharedDuty
from gateway.core.cluster.errand import Errand
from gateway.core.cluster.keeper import SharedKeeper
from gateway.core.cluster.keys import Keys
from gateway.core.cluster.link import Link
from gateway.core.cluster.server import Server, ServerAway
from gateway.core.cluster.session import Beat, Session, Timing
from gateway.core.cluster.settings import ClusterSettings
from gateway.core.duty import Watcher
from gateway.core.tasks import Tasks

_JITTER: Final = 0.2
"""Part of the rhythm by which beats differ, so that replicas that lost the server together do not return together."""


class ClusterStatus(NamedTuple):
    """How this replica stands with the others, as plain data."""

    is_joined: bool
    """The server is there, and this replica is a member."""
    has_joined: bool
    """It has been a member since it started: before that it may call no marketplace."""
    away_for: float
    """Seconds since the server was lost; 0 while it is there."""
    members: int
    """Living replicas, this one included, as last known."""
    batches: int
    """Batches that this replica asks for under a lease."""
    share: float
    """Its part of the budgets' reserve."""
    commands: int
    """Calls to the server since the start."""

    def in_words(self) -> str:
        """For people."""
        if not self.is_joined:
            return f"lost for {self.away_for:.0f} s" if self.has_joined else "never reached, see the log"
        return f"{self.members} replica{'s' if self.members > 1 else ''}"


class Cluster:
    """One replica's part in all of them."""

    def __init__(
        self, server: Server, name: str, settings: ClusterSettings, accounts: Sequence[Account], clock: Clock
    ) -> None:
        self._clock = clock
        self._keys = Keys(settings.namespace, server.database)
        self._link = Link(server, clock)
        self._timing = Timing(settings.lease)
        self._session = Session(name, self._timing, self._link, self._keys, clock)
        self._budgets: list[SharedBudget] = []
        self._tasks = Tasks()
        self._beating = asyncio.Lock()
        self._gone: Sequence[str] = ()
        self._watcher: Watcher | None = None
        self._batches: Batches | None = None
        self.duty = SharedDuty(self._session, self._link, self._keys, Accounts(accounts), clock)
        self.keeper = SharedKeeper(self._link, self._keys, clock, self.duty.token, self._read)
        self.duty.release_after(self.keeper.owes)
        self._joining = Errand("join", self._join, self._tasks)
        self._inheriting = Errand("inherit", self._inherit, self._tasks)
        self._reconciling = Errand("reconcile", self.duty.reconcile, self._tasks)
        self._settling = Errand("settle", self.keeper.settle, self._tasks)
        self._restoring = Errand("restore", self._restore, self._tasks)

    def budget(self, account: Account, limit: Limit, longest: float) -> Budget:
        """The budget of an account, whose calls last `longest` seconds at most."""
        allowance = Allowance(limit, longest)
        session = self._session
        session.margin = max(session.margin, 2 * allowance.notice(session))
        session.quiet = min(session.quiet, allowance.quiet(session)) if self._budgets else allowance.quiet(session)
        budget = SharedBudget(
            allowance, (*self._keys.budget(account), self._keys.opens, self._keys.away),
            session, self._link, self._clock,
        )  # fmt: skip
        self._budgets.append(budget)
        return budget

    @property
    def link(self) -> Link:
        """The way to the server, for what else replicas share."""
        return self._link

    @property
    def keys(self) -> Keys:
        """The names under which they share it."""
        return self._keys

    def share(self) -> float:
        """The part of everything common that this replica may use by itself."""
        return self._session.extended.now

    def status(self) -> ClusterStatus:
        """How this replica stands with the others."""
        link, session = self._link, self._session
        return ClusterStatus(
            is_joined=link.is_up,
            has_joined=session.lapsed_for is not None,
            away_for=0.0 if link.is_up else link.away_for,
            members=1 + len(session.alive),
            batches=self.duty.held,
            share=session.reserved.now,
            commands=link.commands,
        )

    async def start(self, batches: Batches, watcher: Watcher) -> None:
        """Join the others, where the server is there, and begin to listen."""
        self._batches, self._watcher = batches, watcher
        self.duty.read_through(batches)
        await self._beat()
        self._tasks.start(self._keep_beating())
        self._tasks.start(self._keep_listening())
        self._tasks.start(self._keep_reviewing())

    async def stop(self) -> None:
        """Ask for nothing more, and leave the batches to the others."""
        await self._tasks.aclose()
        await self.duty.aclose()
        try:
            if self._link.is_up:
                await self._session.leave(news.write(news.Left(self._session.id)))
        except ServerAway:
            return

    async def _keep_beating(self) -> None:
        while True:
            jitter = 1.0 + _JITTER * (random.random() - 0.5)  # noqa: S311 - no secret
            await self._clock.sleep(self._timing.rhythm * jitter)
            await self._beat()

    async def _beat(self) -> None:
        async with self._beating:
            await self._beat_once()

    async def _beat_once(self) -> None:
        try:
            await self._link.renew()
            if not self._session.is_valid and self._session.lapsed_for is not None:
                await self._report()
            beat = await self._session.beat()
            self._session.is_returning = False
            self._joining.is_due |= beat.has_lapsed or not self._link.is_up
            self._link.found()
            self._see_to(beat)
        except ServerAway as error:
            self._session.is_returning = False
            self._joining.is_due = True  # the answer that was lost may have told that others have taken over
            if not self._session.is_valid:
                self._link.lose(error)  # also where it still lets us read: a full server, a copy that takes no writes
                if not self.duty.is_alone:
                    self.duty.go_alone()

    async def _report(self) -> None:
        """On the way back: use nothing more of what is kept for the lost, and tell what was used.

        Only who is answered goes on and is counted again: a server that is held up may hear of it much later.
        """
        self._session.is_returning = True
        await self._session.knock()
        for budget in self._budgets:
            await budget.window.report()

    def _see_to(self, beat: Beat) -> None:
        """What is to be done after this beat."""
        self.duty.retry()
        self._gone = beat.gone
        self._inheriting.is_due |= bool(beat.gone)
        self._reconciling.is_due |= self.duty.differs(beat.held)
        self._settling.is_due = True
        for errand in (self._joining, self._inheriting, self._reconciling, self._settling, self._restoring):
            errand.go()

    async def _join(self) -> None:
        await self.duty.join_again()
        self._restoring.is_due = True

    async def _inherit(self) -> None:
        for session in self._gone:
            await self.duty.inherit(session)

    async def _restore(self) -> None:
        """Give the server again what it has lost of the results at hand: no marketplace is asked for those any more."""
        if self._batches is not None:
            await self.keeper.restore(self._batches.ended())

    async def _keep_reviewing(self) -> None:
        """What a message has not told is found out within a lease."""
        while True:
            await self._clock.sleep(self._timing.lease)
            await self._review()

    async def _review(self) -> None:
        try:
            await self.duty.review()
        except ServerAway:
            return  # the beat sees to it

    async def _keep_listening(self) -> None:
        while True:
            try:
                async for message in self._link.listen(self._keys.news):
                    if message is None:
                        await self._review()  # what was told before is lost
                    else:
                        self._hear(message)
            except ServerAway:
                await self._clock.sleep(self._timing.rhythm)

    def _hear(self, message: bytes) -> None:
        told = news.read(message)
        if told is None or told.sender == self._session.id:
            return
        if isinstance(told, news.Read):
            self._tasks.start(self._fetch(BatchRef(*told.ref)))
        elif isinstance(told, news.Failed):
            self.duty.hear_failure(told)
        else:
            self._tasks.start(self._beat())

    async def _fetch(self, ref: BatchRef) -> None:
        batches, watcher = self._batches, self._watcher
        if batches is None or watcher is None or not batches.accounts.knows(ref):
            return
        if batches.at_hand(ref) is not None or watcher.is_watched(ref):
            await batches.hear(ref)

    def _read(self, ref: BatchRef) -> bytes:
        return news.write(news.Read(self._session.id, news.key(ref)))
