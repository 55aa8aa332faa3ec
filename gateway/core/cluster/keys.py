"""The names under which replicas meet. They carry a format version: replicas of another format do not meet these."""

from __future__ import annotations

import hashlib
from typing import Final

from adapters.base import Account
from adapters.model import BatchRef
from gateway.core.kept import storage_key

FORMAT: Final = 1


class Keys:
    """All keys and the channel, below one namespace."""

    def __init__(self, namespace: str, database: int = 0) -> None:
        self._prefix = f"{namespace}:v{FORMAT}:"
        self.news = f"{self._prefix}news:{database}"
        """Channel: what the replicas tell each other. Channels are the server's, not a database's as keys are."""
        self.members = f"{self._prefix}members"
        """Hash: session → until when it is alive (ms), and its share of the budgets."""
        self.opens = f"{self._prefix}opens"
        """String: from when (ms) the common part of the budgets may be used, and whether data had been lost."""
        self.away = f"{self._prefix}away"
        """String: the shares of the members that may be going on without the server."""
        self.owners = f"{self._prefix}owners"
        """Set: sessions that own batches."""
        self.leases = f"{self._prefix}leases"
        """Hash: batch → the session that asks for it, and its fencing token."""
        self.fence = f"{self._prefix}fence"
        """Counter of fencing tokens."""
        self.watches = f"{self._prefix}watches"
        """Sorted set: watched batches by when their watch began (ms)."""

    def state(self, account: Account, ref: BatchRef) -> str:
        """String: the state of a batch."""
        return f"{self._prefix}state:{storage_key(account, ref)}"

    def owned(self, session: str) -> str:
        """Set: the batches that a session asks for."""
        return f"{self._prefix}owned:{session}"

    def rate(self, client: str) -> str:
        """Hash: the operations that a client has started. Its name may be a person's, and has no part in the key."""
        return f"{self._prefix}rate:{hashlib.sha256(client.encode()).hexdigest()[:32]}"

    def documents(self) -> list[str]:
        """Registered documents: texts by hash (hash), when they were used last (ms; sorted set), their bytes in all."""
        name = f"{self._prefix}documents:"
        return [f"{name}texts", f"{name}used", f"{name}size"]

    def budget(self, account: Account) -> tuple[str, str, str]:
        """The calls of an account, its pace, and who waits for a call: two sorted sets around a hash.

        Replicas with different keys for one seller share its budget, so credentials have no part in it.
        """
        parts = "".join(f"{len(part)}:{part}" for part in account.identity())
        name = f"{self._prefix}budget:{parts}"
        return f"{name}:calls", f"{name}:pace", f"{name}:waiting"


def field(ref: BatchRef) -> str:
    """A batch as a member of hashes and sets."""
    return "\n".join(ref)


def read_field(text: bytes) -> BatchRef | None:
    """The batch of a member, or None where it is none of ours."""
    parts = text.decode(errors="replace").split("\n")
    return BatchRef(*parts) if len(parts) == 3 else None
