"""`[speed]`: how answers are made. Switched off, everything is as right, only slower."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SpeedSettings(BaseModel):
    """Whether operations are compiled, and how much of what was answered is kept ready."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compiled: bool = Field(default=True, description="Compile operations that come again, instead of walking them")
    shared_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=0,
        description="Bytes of encoded answers kept while what they show is unchanged and fresh, and as many of encoded "
        "items of batches; 0 keeps none",
    )
