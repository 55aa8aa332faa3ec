"""All settings as one frozen object, made from a file and an environment that are given, and handed down."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from adapters.base import Account
from adapters.upstream import UpstreamLimits
from gateway.access.persisted import DocumentStoreSettings
from gateway.access.proxies import network
from gateway.access.tokens import ClientSettings
from gateway.config.access import AuthSettings, anchored, check_access, profile_defaults
from gateway.config.accounts import names_of, read_accounts
from gateway.config.clients import read_clients
from gateway.config.limits import Clients, Documents, Queries
from gateway.config.log import LogSettings
from gateway.config.mistakes import Mistakes
from gateway.config.references import References
from gateway.config.sources import Environment, TomlFile, as_json
from gateway.config.speed import SpeedSettings
from gateway.config.words import findings, section
from gateway.core.assembly import CoreSettings
from gateway.core.cluster.settings import ClusterSettings
from gateway.core.freshness import Lifetimes
from gateway.core.store import StoreLimits
from gateway.core.watched import WatchLimits

DEFAULT_FILE: Final = "gateway.toml"
_PATH: Final = re.compile(r"(/[^/?#\s]+)*")
_ORIGIN: Final = re.compile(r"https?://[^/?#\s@*]+")


class ServerSettings(BaseModel):
    """`[server]`: where the gateway listens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one")
    root_path: str = Field(default="", description="Path under which a reverse proxy serves the gateway: /batches")
    allow_anonymous: bool = Field(
        default=False, description="Answer other machines though no clients are configured: everyone sees every account"
    )
    profile: Literal["development", "production"] = Field(
        default="development", description="production switches introspection, GraphiQL and suggestions off"
    )
    graphiql: bool = Field(default=True, description="Show GraphiQL to browsers that open /graphql")
    cors_origins: tuple[str, ...] = Field(
        default=(), description="Web origins whose pages may ask over HTTP beside the gateway's own: https://a.example"
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Web origins whose pages may open WebSockets beside the gateway's own"
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed: 10.0.0.0/8"
    )
    cache_max_age: int = Field(
        default=60, ge=0, description="Seconds for which browsers may keep answers to GET about ended batches"
    )
    cache_shared: bool = Field(default=False, description="Let a CDN keep those answers too, apart for each token")
    legacy_graphql_ws: bool = Field(default=False, description="Speak the old graphql-ws protocol too")
    metrics: bool = Field(
        default=True, description="Answer /metrics, for Prometheus: to clients with every account or metrics = true"
    )
    metrics_open: bool = Field(default=False, description="Answer /metrics to everyone who can reach it")

    @field_validator("root_path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        if not _PATH.fullmatch(value):
            raise ValueError('must be empty, or a path with a slash in front and none at its end: "/batches"')
        return value

    @field_validator("cors_origins", "allowed_origins")
    @classmethod
    def _are_origins(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not _ORIGIN.fullmatch(value):
                raise ValueError("must name origins one by one, as browsers send them: https://shop.example")
        return values

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                network(value)
            except ValueError:
                raise ValueError("must hold addresses or networks: 10.0.0.0/8") from None
        return values

    @property
    def is_local(self) -> bool:
        """True where only this machine can reach the gateway."""
        if self.host.casefold() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False


def _section() -> Any:
    return Field(default={}, validate_default=True)


class Settings(BaseSettings):
    """Everything that can be set. Secrets are `SecretStr`: they show in no repr and no message."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server: ServerSettings = _section()
    accounts: tuple[SerializeAsAny[Account], ...] = ()
    clients: tuple[ClientSettings, ...] = ()
    auth: AuthSettings = _section()
    cache: Lifetimes = _section()
    upstream: UpstreamLimits = _section()
    watch: WatchLimits = _section()
    store: StoreLimits = _section()
    cluster: ClusterSettings = _section()
    limits: Clients = _section()
    documents: Documents = _section()
    queries: Queries = _section()
    log: LogSettings = _section()
    persisted: DocumentStoreSettings = _section()
    speed: SpeedSettings = _section()

    @property
    def asks_for_tokens(self) -> bool:
        """True where clients have to show who they are."""
        return bool(self.clients) or self.auth.jwt is not None

    @property
    def core(self) -> CoreSettings:
        """What the core is opened with."""
        return CoreSettings(
            accounts=self.accounts,
            upstream=self.upstream,
            lifetimes=self.cache,
            watch=self.watch,
            store=None if self.cluster.url is not None and self.store.path is None else store_path(self.store),
            store_limits=self.store,
            cluster=self.cluster.named(f"{socket.gethostname()}:{self.server.port or os.getpid()}"),
        )

    @field_validator("*", mode="before")
    @classmethod
    def _strictly(cls, value: Any, info: ValidationInfo) -> Any:
        """Read sections as strictly as JSON: no text for a number, no number for true or false."""
        model = section(cls.model_fields[str(info.field_name)].annotation)
        if model is None or not isinstance(value, dict):
            return value
        kind: TypeAdapter[Any] = TypeAdapter(model)
        return kind.validate_json(as_json(cast("dict[str, Any]", value)), strict=True)


def store_path(limits: StoreLimits) -> Path | None:
    """The store's file, by default in the user's data folder; None where it is switched off."""
    if limits.path is None:
        return platformdirs.user_data_path("batch-gateway") / "gateway.sqlite3"
    return None if limits.path == "off" else Path(limits.path).expanduser()


def load_settings(
    path: Path, environ: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Settings:
    """Read the file, the environment over it, and over both `overrides` (section → key → value).

    Raises `SettingsError` with all mistakes at once.
    """
    mistakes = Mistakes(str(path))
    file = TomlFile(Settings, path, mistakes)
    mistakes.raise_any()
    file.resolve(References(environ, path.parent, mistakes))
    known = names_of(file().get("accounts"))
    file.replace("accounts", lambda rows: read_accounts(rows, mistakes))
    file.replace("clients", lambda rows: read_clients(rows, known, mistakes))
    file.replace("auth", lambda table: anchored(table, ("jwt", "jwks"), path.parent))
    file.replace("persisted", lambda table: anchored(table, ("trusted",), path.parent))
    given = InitSettingsSource(Settings, dict(overrides or {}))
    return _validated((given, Environment(Settings, environ, mistakes), file), mistakes)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Settings of plain tables, as a file would hold them, without a file or an environment.

    Raises `SettingsError`.
    """
    mistakes = Mistakes("settings")
    rows = list(values.get("accounts", ()))
    accounts = read_accounts(rows, mistakes)
    clients = read_clients(list(values.get("clients", ())), names_of(rows), mistakes)
    mistakes.raise_any()
    given = {**values, "accounts": accounts, "clients": clients}
    return _validated((InitSettingsSource(Settings, given),), mistakes)


def _validated(sources: Sequence[PydanticBaseSettingsSource], mistakes: Mistakes) -> Settings:
    layers = [*sources, InitSettingsSource(Settings, profile_defaults([source() for source in sources]))]
    try:
        settings = _built(layers)
    except ValidationError as error:
        found = list(findings(error, Settings))
        for loc, words in found:
            mistakes.add(loc, words)
        wrong = {str(loc[0]) for loc, _ in found}
        # what is right is looked at all the same, so that all mistakes are told at once
        settings = _built([_without(wrong, layer()) for layer in layers])
    _check_exposure(settings, mistakes)
    check_access(settings.auth, settings.persisted, mistakes)
    mistakes.raise_any()
    return settings


def _built(layers: Sequence[PydanticBaseSettingsSource]) -> Settings:
    # pydantic-settings' own door for sources that are made beforehand: ours must know the path and the environ
    ready: dict[str, Any] = {"_build_sources": (tuple(layers), {})}
    return Settings(**ready)


def _without(keys: Collection[str], table: Mapping[str, Any]) -> PydanticBaseSettingsSource:
    return InitSettingsSource(Settings, {key: value for key, value in table.items() if key not in keys})


def _check_exposure(settings: Settings, mistakes: Mistakes) -> None:
    if mistakes.is_in("clients", "auth"):
        return  # who is asked for a token shows once these are mended
    server = settings.server
    if not server.is_local and not settings.asks_for_tokens and not server.allow_anonymous:
        mistakes.add(
            ("server", "host"),
            "lets other machines in, and everyone there would see every account: configure [[clients]], keep "
            "127.0.0.1, or set server.allow_anonymous = true",
        )
