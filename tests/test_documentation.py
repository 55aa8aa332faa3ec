"""The pages say what the code does: every setting is documented with its default, every command with its name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from adapters.registry import ADAPTERS, SOURCES
from gateway.cli.main import COMMANDS
from gateway.config.words import fields, section
from gateway.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
SECTIONS = {
    name: kind for name, field in Settings.model_fields.items() if (kind := section(field.annotation)) is not None
}


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, str):
        return f'`"{default}"`'
    if isinstance(default, tuple):
        return "`[]`"
    return f"`{int(default) if default == int(default) else default}`"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    found = re.search(rf"^## `\[{name}\]`.*?(?=^## |\Z)", CONFIGURATION, re.DOTALL | re.MULTILINE)
    assert found, f"docs/configuration.md has no section [{name}]"
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", found[0], re.MULTILINE)
    expected = [
        (key, _shown(field.get_default(call_default_factory=True))) for key, field in fields(SECTIONS[name]).items()
    ]
    assert rows == expected


def test_every_key_of_an_account_is_documented() -> None:
    for adapter in ADAPTERS.values():
        for key in adapter.account.model_fields:
            assert f"`{key}`" in CONFIGURATION, key


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"^\| `{command}\b", README, re.MULTILINE)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_is_in_the_readme(source: str) -> None:
    assert f"`{source}`" in README


def test_limits_in_the_readme_are_the_adapters() -> None:
    for adapter in ADAPTERS.values():
        calls, window = adapter.limit.rstrip("s").split("/")
        [row] = [line for line in README.splitlines() if line.startswith(f"| {adapter.title} |")]
        assert f"| {calls} " in row
        assert f"per {window} s" in row


def test_the_configuration_in_the_readme_is_good(tmp_path: Path) -> None:
    block = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0]
    (tmp_path / "trendyol").write_text("secret")
    path = tmp_path / "gateway.toml"
    path.write_text(block.replace("/run/secrets/trendyol", "trendyol"))
    settings = load_settings(path, {"TRENDYOL_KEY": "k", "MIRCATE_KEY": "k"})
    assert [account.name for account in settings.accounts] == ["main-shop", "warehouse"]


def test_links_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
