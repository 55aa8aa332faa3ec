"""Field types for accounts: what may stand in a header, and what is a secret."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr

_VISIBLE: Final = re.compile(r"[!-~]+")
_PRINTABLE: Final = re.compile(r"[ -~]*[!-~][ -~]*")


def _number_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _token(value: str) -> str:
    if not _VISIBLE.fullmatch(value):
        raise ValueError("must be letters, digits and signs without spaces: it is sent in a header or an address")
    return value


def _printable(value: str) -> str:
    if not _PRINTABLE.fullmatch(value):
        raise ValueError("must be plain ASCII text on one line: it is sent in a header")
    return value.strip()


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("must not be empty")
    return _secret_text(value)


def _secret_text(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not _VISIBLE.fullmatch(value.get_secret_value()):
        raise ValueError("must be letters, digits and signs without spaces or line ends: copy the key again")
    return value


SellerId = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_token)]
"""The marketplace's number of a seller; TOML may hold it as a number."""
HeaderToken = Annotated[str, AfterValidator(_token)]
HeaderText = Annotated[str, AfterValidator(_printable)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
OptionalSecret = Annotated[SecretStr, AfterValidator(_secret_text)]
"""A secret that some accounts do not have: it may be empty."""


def basic(user: SecretStr, password: SecretStr) -> str:
    """`user:password` in base64, as HTTP's Basic scheme and its relatives write it."""
    return base64.b64encode(f"{user.get_secret_value()}:{password.get_secret_value()}".encode()).decode()
