"""SIGHUP: the configuration is read again, and clients that it no longer lets in are let go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from gateway.app import Gateway
from gateway.config.mistakes import SettingsError
from gateway.settings import Settings

_log: Final = logging.getLogger(__name__)

_AT_ONCE: Final = frozenset(("clients", "auth"))
"""Sections that count from the moment they are read again; trusted documents are read again too."""


class Reloading:
    """Called at the signal. `read` gives the new settings, or raises `SettingsError`."""

    def __init__(self, app: Gateway, settings: Settings, read: Callable[[], Settings]) -> None:
        self._app = app
        self._settings = settings
        self._read = read
        self._task: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        """Read, and take over what can be taken over; where anything is wrong, everything stays as it was."""
        try:
            settings = self._read()
        except SettingsError as error:
            told = "; ".join(map(str, error.mistakes))
            _log.error("configuration.kept", extra={"fields": {"mistakes": len(error.mistakes), "told": told}})
            return
        late = [
            name
            for name in Settings.model_fields
            if name not in _AT_ONCE and getattr(settings, name) != getattr(self._settings, name)
        ]
        self._task = asyncio.ensure_future(self._take_over(settings, late))

    async def _take_over(self, settings: Settings, late: Sequence[str]) -> None:
        try:
            await self._app.reload(settings)
        except Exception:  # noqa: BLE001  # whatever it is, the old ones go on
            _log.exception("configuration.kept")
            return
        fields: dict[str, object] = {"clients": len(settings.clients)}
        if late:
            fields["needs_restart"] = ", ".join(late)
        _log.info("configuration.read", extra={"fields": fields})
