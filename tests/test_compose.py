"""The compose file of the cluster's example names settings that exist, and files that are there."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.settings import load_settings

FOLDER = Path(__file__).parent.parent / "examples" / "cluster"


def test_its_settings_are_good() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    environ = dict(re.findall(r"^\s+(BATCH_GATEWAY_\w+): \"?([^\s\"]+)", compose, re.MULTILINE))
    settings = load_settings(FOLDER / "gateway.toml", environ)
    assert settings.cluster.url is not None
    assert settings.cluster.url.get_secret_value() == "redis://valkey:6379/0"
    assert settings.server.trusted_proxies


def test_its_files_are_there() -> None:
    compose = (FOLDER / "compose.yaml").read_text()
    named = re.findall(r"- \./([\w.]+):", compose)
    assert sorted(named) == ["gateway.toml", "nginx.conf"]
    assert all((FOLDER / name).is_file() for name in named)
    assert (FOLDER / re.findall(r"build: (\S+)", compose)[0] / "Dockerfile").is_file()
