"""Keeps an account's secrets out of what is told about its calls: a marketplace may quote them in its answer."""

from __future__ import annotations

from base64 import b64encode
from itertools import product
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr

from adapters.base import Account
from adapters.errors import BatchError

_HIDDEN: Final = "***"
_SHORTEST: Final = 4
"""Characters: hiding shorter ones would eat other words, and they are no secrets."""


class Redaction:
    """The secrets of one account, plain and in the forms in which requests carry them."""

    def __init__(self, account: Account) -> None:
        values = (getattr(account, name) for name in type(account).model_fields)
        plain = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        forms = {*plain, *map(quote, plain)}
        for first, second in product(plain, ["", *plain]):
            forms |= {_packed(first), _packed(f"{first}:{second}")}
        self._forms = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Redaction of {len(self._forms)} forms>"

    def text(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text

    def error(self, error: BatchError) -> None:
        """Take them out of an error's words."""
        error.message = self.text(error.message)
        error.args = (error.message,)
        if error.source_message is not None:
            error.source_message = self.text(error.source_message)


def _packed(text: str) -> str:
    return b64encode(text.encode()).decode().rstrip("=")
