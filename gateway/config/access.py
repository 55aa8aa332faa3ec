"""`[auth]` and the profiles: what is switched off where strangers may come by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from gateway.access.jwt import JwtSettings
from gateway.access.persisted import DocumentStoreSettings
from gateway.access.trusted import TrustedError, read_trusted
from gateway.config.mistakes import Mistakes


class AuthSettings(BaseModel):
    """`[auth]`: other ways to know clients than by their tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jwt: JwtSettings | None = Field(
        default=None, description="A section of its own: whose JSON Web Tokens are believed"
    )


PROFILES: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "development": {},
    "production": {
        "server": {"graphiql": False},
        "documents": {"introspection": False, "suggestions": False},
    },
}
"""Other defaults by profile. What the file or the environment says of these keys counts more."""


def profile_defaults(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The defaults of the profile that is named in the first of these tables that names one."""
    for table in given:
        server = table.get("server")
        profile = cast("Mapping[str, Any]", server).get("profile") if isinstance(server, Mapping) else None
        if profile is not None:
            found = PROFILES.get(profile, {}) if isinstance(profile, str) else {}
            return {section: dict(values) for section, values in found.items()}
    return {}


def anchored(table: Any, keys: tuple[str, ...], folder: Path) -> Any:
    """The table with the path at `keys` seen from the configuration's folder; anything else is left as it is."""
    values = cast("dict[str, Any]", table) if isinstance(table, dict) else {}
    key, *rest = keys
    if key not in values:
        return cast("Any", table)
    if rest:
        return {**values, key: anchored(values[key], tuple(rest), folder)}
    place = values[key]
    return {**values, key: str(folder / Path(place).expanduser())} if is_path(place) else values


def is_path(place: Any) -> bool:
    """True for what names a file, rather than an address or the thing itself."""
    return isinstance(place, str) and bool(place) and not place.lstrip().startswith(("https://", "http://", "{"))


def check_access(auth: AuthSettings, persisted: DocumentStoreSettings, mistakes: Mistakes) -> None:
    """Note files that are named and cannot be read."""
    if auth.jwt is not None and is_path(auth.jwt.jwks) and not Path(auth.jwt.jwks).is_file():
        mistakes.add(("auth", "jwt", "jwks"), "there is no such file: create it, mend the path, or name https://…")
    if persisted.trusted is None:
        if persisted.trusted_only:
            mistakes.add(("persisted", "trusted_only"), "needs persisted.trusted: name the documents that may be run")
        return
    try:
        read_trusted(Path(persisted.trusted))
    except TrustedError as error:
        mistakes.add(("persisted", "trusted"), str(error))
