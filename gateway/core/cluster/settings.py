"""`[cluster]`: replicas that are one gateway, on a Redis or Valkey server."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class ClusterSettings(BaseModel):
    """Where the replicas meet. Without `url` the gateway is a single process."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr | None = Field(
        default=None, description="Redis or Valkey server: redis://host:6379/0, or rediss:// with TLS"
    )
    namespace: str = Field(
        default="bgw", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="Start of every key, to share a server"
    )
    lease: float = Field(
        default=5.0, ge=0.5, le=60.0, description="Seconds within which the work of a lost replica is taken over"
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\s|/]+$",
        description="This replica among the others; default: host name and port",
    )
    timeout: float = Field(
        default=0.25, gt=0, le=5.0, description="Seconds to wait for the server before going on without it"
    )

    def named(self, name: str) -> Self:
        """The same, with a name where none was given."""
        return self if self.name is not None else self.model_copy(update={"name": name})

    @field_validator("url")
    @classmethod
    def _address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            try:
                parts = urlsplit(url.get_secret_value())
                is_good = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
            except ValueError:
                is_good = False
            if not is_good:
                raise ValueError("must be redis://host:port/number, or rediss:// with TLS")
        return url
