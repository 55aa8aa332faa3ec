"""`--config` for every command that needs a configuration, and what is said where there is none."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.cli.console import say
from gateway.config.mistakes import SettingsError
from gateway.core.assembly import CoreSettings
from gateway.core.cluster.settings import ClusterSettings
from gateway.settings import DEFAULT_FILE, Settings, load_settings


def add_config(parser: argparse.ArgumentParser) -> None:
    """Take `--config FILE`."""
    parser.add_argument("--config", metavar="FILE", type=Path, help=f"the configuration (default: ./{DEFAULT_FILE})")


def load(config: Path | None, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings | None:
    """The settings of a file, or None after saying all that is wrong with it."""
    path = config or Path(DEFAULT_FILE)
    if config is None and not path.exists():
        say(
            f"./{DEFAULT_FILE}: there is no configuration here: write one (the README shows how), name one with "
            "--config FILE, or try the gateway with simulated marketplaces: batch-gateway demo"
        )
        return None
    try:
        return read(path, overrides)
    except SettingsError as error:
        say(*map(str, error.mistakes))
        return None


def read(config: Path | None, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """The settings of a file, which has to be there. Raises `SettingsError`."""
    return load_settings(config or Path(DEFAULT_FILE), os.environ, overrides)


def direct(settings: Settings) -> CoreSettings:
    """The core of a command that asks by itself: a gateway's store and cluster are the gateway's."""
    return replace(settings.core, store=None, cluster=ClusterSettings())
