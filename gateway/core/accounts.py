"""Which configured account a reference means, for a client that may use only some of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.base import Account
from adapters.errors import AmbiguousAccount, InvalidRef, UnknownAccount
from adapters.model import BatchRef
from adapters.registry import ADAPTERS, MARKETPLACE_OF

LONGEST_ID = 256
_REFUSED = frozenset("/\\%?#")
_ORDINARY = re.compile(r"[A-Za-z0-9_-]+")
"""Nearly all ids: they need no look at each character."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The accounts that a client may use: by name, or all of them (`None`)."""

    accounts: frozenset[str] | None = None

    def allows(self, account: str) -> bool:
        """True where the client may use that account."""
        return self.accounts is None or account in self.accounts


EVERYTHING = Scope()


def check_id(batch_id: str) -> None:
    """Raise `InvalidRef` for an id that cannot be right or that would change the path of the call.

    Formats and suffixes are never checked: marketplaces change them without notice.
    """
    if len(batch_id) <= LONGEST_ID and _ORDINARY.fullmatch(batch_id):
        return
    if not batch_id:
        raise InvalidRef("The batch id is empty: give the id that the marketplace returned for the batch.")
    if len(batch_id) > LONGEST_ID:
        raise InvalidRef(f"The batch id is longer than {LONGEST_ID} characters: give the id alone.")
    if batch_id in {".", ".."} or any(character in _REFUSED for character in batch_id):
        raise InvalidRef("The batch id holds / \\ % ? # or is a dot path: give the id alone, not an address.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in batch_id):
        raise InvalidRef("The batch id holds control characters: it was probably copied with something around it.")


class Accounts:
    """The configured accounts, by name."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_name = {account.name: account for account in accounts}
        self._of: dict[str, list[Account]] = {}
        for account in self._by_name.values():
            self._of.setdefault(account.marketplace, []).append(account)

    def __getitem__(self, name: str) -> Account:
        return self._by_name[name]

    def knows(self, ref: BatchRef) -> bool:
        """True where the reference's account is configured, for its source."""
        account = self._by_name.get(ref.account)
        return account is not None and account.marketplace == MARKETPLACE_OF.get(ref.source)

    def of(self, marketplace: str, scope: Scope = EVERYTHING) -> list[Account]:
        """The accounts of one marketplace that the scope allows, in the order of the configuration."""
        return [account for account in self._of.get(marketplace, ()) if scope.allows(account.name)]

    def resolve(self, source: str, batch_id: str, account: str | None, scope: Scope = EVERYTHING) -> BatchRef:
        """The full reference. Raises `InvalidRef`, `UnknownAccount` or `AmbiguousAccount`.

        An account that the scope hides and one that does not exist read the same.
        """
        check_id(batch_id)
        marketplace = MARKETPLACE_OF[source]
        title = ADAPTERS[marketplace].title
        if account is not None:
            named = self._by_name.get(account)
            if named is not None and named.marketplace == marketplace and scope.allows(account):
                return BatchRef(source, account, batch_id)
            raise UnknownAccount(
                f"There is no {title} account of that name that you may use: leave `account` out, or ask "
                "`marketplaces { accounts { name } }` for the names."
            )
        allowed = scope.accounts
        known = [one for one in self._of.get(marketplace, ()) if allowed is None or one.name in allowed]
        if not known:
            raise UnknownAccount(f"There is no {title} account that you may use: ask the gateway's operator for one.")
        if len(known) > 1:
            names = ", ".join(a.name for a in known)
            raise AmbiguousAccount(f"Several {title} accounts would fit: set `account` to one of {names}.")
        return BatchRef(source, known[0].name, batch_id)
