"""`[log]`: what is told on stderr, and in which form."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """What is logged, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important events that are told: debug, info, warning or error"
    )
    format: Literal["auto", "json", "pretty"] = Field(
        default="auto",
        description="json: an object a line; pretty: for people; auto: pretty on a terminal, json elsewhere",
    )
    access: bool = Field(default=True, description="Tell every request (at info) and its end")
