"""What the gateway allows a marketplace: time, bytes, connections, retries. `[upstream]` of the configuration."""

from __future__ import annotations

import ssl

from pydantic import BaseModel, ConfigDict, Field, field_validator


class UpstreamLimits(BaseModel):
    """Bounds of every call to a marketplace. Times are seconds, sizes are bytes.

    The sizes follow from tests/bench/reading.py: an answer about 1,000 products (1.2 MB) holds the event loop for about
    10 ms where it is read at once, and one of 12 MB for about 20 ms where it is read aside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_timeout: float = Field(
        default=15.0, gt=0, le=300, description="Seconds for one call, from connecting to the last byte"
    )
    connect_timeout: float = Field(default=5.0, gt=0, le=60, description="Seconds for a connection to stand")
    connections: int = Field(default=100, ge=1, le=1_000, description="Connections of each account at a time")
    keepalive: float = Field(default=20.0, ge=0, le=600, description="Seconds that an idle connection is kept")
    max_body: int = Field(
        default=48_000_000,  # Trendyol echoes a thousand products, each with a description of up to 30,000 characters
        ge=1_024,
        description="Bytes of all answers about one batch, decompressed",
    )
    max_calls: int = Field(default=200, ge=1, le=10_000, description="Calls for one batch: pages of its items")
    decode_aside: int = Field(
        default=1_500_000, ge=0, description="Bytes from which an answer is read beside the event loop"
    )
    retries: int = Field(default=2, ge=0, le=2, description="How often a call that failed in passing is tried again")
    retry_share: float = Field(default=0.1, ge=0, le=1, description="Retries as a share of an account's calls")
    max_retry_after: float = Field(
        default=3_600.0, ge=1, description="Seconds: the longest pause that a marketplace may ask for"
    )
    slow_call: float = Field(default=8.0, gt=0, description="Seconds from which an answer counts as a failure")
    breaker_failures: int = Field(default=5, ge=1, le=1_000, description="Failures that open an account's breaker")
    breaker_share: float = Field(default=0.5, gt=0, le=1, description="Share of failed calls that opens the breaker")
    breaker_window: float = Field(default=30.0, gt=0, description="Seconds over which failures are counted")
    breaker_pause: float = Field(default=10.0, gt=0, description="Seconds before an open breaker lets a probe through")
    trust_env: bool = Field(default=False, description="Use the proxies that the environment names (HTTPS_PROXY, …)")
    ca_file: str | None = Field(default=None, description="File of certificates (PEM) to trust besides the usual ones")

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, path: str | None) -> str | None:
        if path is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
            except OSError as error:
                words = f"{path} is not a readable file of certificates: name a file in PEM form"
                raise ValueError(words) from error
        return path
