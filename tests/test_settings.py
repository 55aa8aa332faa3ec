"""Settings: one file, the environment over it, and every mistake told at once in a line of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config.mistakes import SettingsError
from gateway.settings import Settings, load_settings, store_path

GOOD = """
[server]
port = 9000

[[accounts]]
name = "main-shop"
marketplace = "trendyol"
seller_id = "2738"
api_key = "${TRENDYOL_KEY}"
api_secret = "file:secret.txt"

[[accounts]]
name = "shop-2"
marketplace = "idefix"
vendor_id = "77"
api_key = "k"
api_secret = ""
limit = "5/s"
"""
ENVIRON = {"TRENDYOL_KEY": "from-the-environment"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("from-the-file\n")
    return tmp_path


def load(folder: Path, text: str | bytes, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    path = folder / "gateway.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path, ENVIRON if environ is None else environ, overrides)


def mistakes(folder: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder, text, environ)
    assert all("\n" not in str(mistake) for mistake in caught.value.mistakes)
    return [str(mistake).replace(f"{folder}/", "") for mistake in caught.value.mistakes]


def test_file_environment_and_references(folder: Path) -> None:
    settings = load(folder, GOOD)
    shop, other = settings.accounts
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 9000)
    assert (shop.name, other.name, other.limit) == ("main-shop", "shop-2", "5/s")
    own = shop.model_dump()
    assert own["api_key"].get_secret_value() == "from-the-environment"
    assert own["api_secret"].get_secret_value() == "from-the-file"
    assert shop.base_url == "https://apigw.trendyol.com"


def test_secrets_show_in_no_repr(folder: Path) -> None:
    settings = load(folder, GOOD)
    for text in (repr(settings), str(settings), repr(settings.accounts[0]), settings.model_dump_json()):
        assert "from-the-environment" not in text
        assert "from-the-file" not in text


def test_settings_cannot_be_changed(folder: Path) -> None:
    settings = load(folder, GOOD)
    with pytest.raises(ValueError, match="frozen"):
        settings.server = settings.server
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_environment_wins_over_file_and_command_line_over_both(folder: Path) -> None:
    environ = {**ENVIRON, "BATCH_GATEWAY_SERVER__PORT": "9001", "BATCH_GATEWAY_CACHE__MOVING": "0.5"}
    assert load(folder, GOOD, environ).server.port == 9001
    assert load(folder, GOOD, environ).cache.moving == 0.5
    assert load(folder, GOOD, environ, server={"port": 9002}).server.port == 9002


def test_environment_switches(folder: Path) -> None:
    environ = {**ENVIRON, "BATCH_GATEWAY_SERVER__HOST": "0.0.0.0", "BATCH_GATEWAY_SERVER__ALLOW_ANONYMOUS": "true"}  # noqa: S104
    assert load(folder, GOOD, environ).server.allow_anonymous is True


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BATCH_GATEWAY_SERVER__PORT", "many", "must be a whole number"),
        ("BATCH_GATEWAY_SERVER__PORT", "70000", "must be at most 65535"),
        ("BATCH_GATEWAY_SERVER__PROT", "1", "unknown setting: did you mean port?"),
        ("BATCH_GATEWAY_SEVRER__PORT", "1", "unknown setting: did you mean server?"),
        ("BATCH_GATEWAY_ACCOUNTS__0__API_KEY", "s3cr3t-value", "accounts is set in the file alone"),
    ],
)
def test_environment_mistakes_name_the_variable(folder: Path, name: str, value: str, words: str) -> None:
    [line] = mistakes(folder, GOOD, {**ENVIRON, name: value})
    assert line.startswith(f"environment: {name}: {words}")
    assert value not in line.split(": ", 2)[2] or value == "1"


def test_other_variables_of_our_prefix_are_left_alone(folder: Path) -> None:
    assert load(folder, GOOD, {**ENVIRON, "BATCH_GATEWAY_PORT": "tcp://10.0.0.1:80", "BATCH_GATEWAY_TOKEN": "x"})


ALL_AT_ONCE = """
[server]
port = "8000"
hots = "127.0.0.1"

[cahce]
moving = 1

[upstream]
retries = true
ca_file = 3

[[accounts]]
name = "main-shop"
marketplace = "trendyol"
seller_id = "2738"
api_key = "${NOT_SET}"
api_secret = "file:/nowhere/secret"
api_scret = "hunter2-hunter2"

[[accounts]]
name = "main-shop"
marketplace = "trendyool"

[[accounts]]
name = "warehouse"
marketplace = "mircate"
base_url = "ftp://hunter2-hunter2"
api_key = "k"
limit = "often"

[[accounts]]
marketplace = "surecart"
token = ""
"""


def test_all_mistakes_at_once_with_file_key_and_mend(folder: Path) -> None:
    main, warehouse = '(account "main-shop")', '(account "warehouse")'
    expected = {
        "server.port": "must be a whole number without quotes",
        "server.hots": "unknown key: did you mean host?",
        "cahce": "unknown key: did you mean cache?",
        "upstream.retries": "must be a whole number without quotes",
        "upstream.ca_file": "must be text in quotes",
        f"accounts[0].api_key {main}": "environment variable NOT_SET is not set: set it, or use file:/path",
        f"accounts[0].api_secret {main}": "there is no file /nowhere/secret: create it, or mend the path",
        f"accounts[0].api_scret {main}": "unknown key: did you mean api_secret?",
        f"accounts[1].name {main}": "is the name of accounts[0] too: names must be unique, change one",
        f"accounts[1].marketplace {main}": "is not a marketplace that is known here: did you mean trendyol?",
        f"accounts[2].base_url {warehouse}": "is not an address: write https://host or https://host/path",
        f"accounts[2].limit {warehouse}": "write a limit as calls per window, for example "
        '"50/10s", "5/s" or "1000/min"',
        "accounts[3].name": 'is missing: give the account a name of its own, name = "main-shop"',
        "accounts[3].token": "must not be empty",
    }
    found = mistakes(folder, ALL_AT_ONCE, {})
    assert sorted(found) == sorted(f"gateway.toml: {key}: {words}" for key, words in expected.items())


def test_mistakes_of_one_section_hide_none_of_another(folder: Path) -> None:
    text = """
[server]
host = "0.0.0.0"
[cache]
moving = "2"
[clints]
x = 1
[auth.jwt]
jwks = "nowhere.json"
issuer = "https://id.example/"
audience = "x"
[persisted]
trusted = "nowhere"
"""
    assert [line.split(": ")[1] for line in mistakes(folder, text)] == [
        "cache.moving",
        "clints",
        "auth.jwt.jwks",
        "persisted.trusted",
    ]
    assert [line.split(": ")[1] for line in mistakes(folder, "[server]\nhost = '0.0.0.0'\n[cache]\nmoving = ''")] == [
        "cache.moving",
        "server.host",
    ]


DIGEST = "must be the 64 hex digits that `batch-gateway token` prints, not the token itself"


def test_no_mistake_is_told_that_another_brings_about(folder: Path) -> None:
    text = f"""
[server]
host = "0.0.0.0"
[[accounts]]
name = "half-written"
marketplace = "surecart"
[[clients]]
name = "wrong"
token_sha256 = "not a digest"
accounts = ["half-written"]
[[clients]]
name = "right"
token_sha256 = "{"0" * 64}"
accounts = ["half-written", "half-writen"]
"""
    assert [line.split(": ")[1:3] for line in mistakes(folder, text)] == [
        ['accounts[0].token (account "half-written")', "is missing"],
        ['clients[0].token_sha256 (client "wrong")', DIGEST],
        ['clients[1].accounts[1] (client "right")', "names no account of this file"],
    ]


def test_no_value_is_ever_shown(folder: Path) -> None:
    text = """
[server]
host = "s3cr3t-host"
port = "s3cr3t-port"
s3cr = "s3cr3t-x"
[[accounts]]
name = "s3cr3t:name"
marketplace = "s3cr3t-marketplace"
[[accounts]]
name = "ok"
marketplace = "mircate"
base_url = "https://user:s3cr3t@host"
api_key = "s3cr3t with spaces"
limit = "s3cr3t"
[[accounts]]
name = "ok2"
marketplace = "trendyol"
api_key = "${ s3cr3t }"
api_secret = ["s3cr3t"]
seller_id = "s3cr3t\\u0000"
"""
    lines = mistakes(folder, text)
    assert len(lines) >= 9
    assert "s3cr3t" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"[server\nport = 1", "gateway.toml: is not valid TOML: "),
        (b"[server]\nhost = 'a'\nport = 1\nport = 2", "at line 4, the last one"),
        (b"[server]\nport = 1\nport = 2\nhost = 'a'", "at line 3, column 9"),
        ("[server]\nhost = 'ş'".encode("iso-8859-9"), "gateway.toml: line 2 is not UTF-8 text: save the file as UTF-8"),
        (b"a = " + b"[" * 5000, "gateway.toml: is nested too deeply"),
        (b"server = 5", "gateway.toml: server: must be a table"),
        (b"accounts = 5", "gateway.toml: accounts: must be written as [[accounts]], one for each account"),
        (b"[accounts]\nname = 'x'", "gateway.toml: accounts: must be written as [[accounts]], one for each account"),
        (b"accounts = ['x']", "gateway.toml: accounts[0]: must be a table"),
        (b"[server]\nport = 2026-01-01", "gateway.toml: server.port: must be a whole number"),
        (b"[server]\nport = true", "gateway.toml: server.port: must be a whole number"),
        (b"[server]\nport = 1.5", "gateway.toml: server.port: must be a whole number"),
        (b"[server]\nport = -1", "gateway.toml: server.port: must be at least 0"),
        (b"[server]\nallow_anonymous = 1", "gateway.toml: server.allow_anonymous: must be true or false"),
        (b"[server]\nroot_path = 'batches/'", "gateway.toml: server.root_path: must be empty, or a path with a slash"),
        (b"[server]\nroot_path = '/'", "gateway.toml: server.root_path: must be empty, or a path with a slash"),
        (b"[cluster]\nnamespace = 'a b'", "gateway.toml: cluster.namespace: holds a sign that cannot stand there"),
        (b"[cache]\nmoving = inf", "gateway.toml: cache.moving: must be a number"),
        (b"[server]\nhost = '0.0.0.0'", "gateway.toml: server.host: lets other machines in"),
    ],
)
def test_mistakes_of_the_file(folder: Path, text: bytes, line: str) -> None:
    [found] = mistakes(folder, text)
    assert line in found


@pytest.mark.parametrize(("name", "words"), [("none.toml", "there is no such file"), (".", "is a folder")])
def test_files_that_cannot_be_read(folder: Path, name: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(folder / name, {})


def test_a_mark_in_front_of_the_file_is_no_mistake(folder: Path) -> None:
    assert load(folder, b"\xef\xbb\xbf[server]\r\nport = 9000\r\n").server.port == 9000


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8 text"), (b"x" * 70_000, "too large")],
)
def test_secret_files_that_hold_no_secret(folder: Path, content: bytes, words: str) -> None:
    (folder / "secret.txt").write_bytes(content)
    [line] = mistakes(folder, GOOD)
    assert line.startswith('gateway.toml: accounts[0].api_secret (account "main-shop"): ')
    assert words in line


def test_an_empty_variable_is_an_empty_secret(folder: Path) -> None:
    [line] = mistakes(folder, GOOD, {"TRENDYOL_KEY": ""})
    assert line == 'gateway.toml: accounts[0].api_key (account "main-shop"): must not be empty'


@pytest.mark.parametrize("name", ["", " shop", "a:b", "*", "a\nb", "x" * 65])
def test_names_that_cannot_stand_in_a_ref(folder: Path, name: str) -> None:
    text = f"[[accounts]]\nname = {name!r}\nmarketplace = 'surecart'\ntoken = 't'".replace("'", '"')
    [line] = mistakes(folder, text)
    assert line.startswith("gateway.toml: accounts[0].name: must be 1 to 64 letters")


@pytest.mark.parametrize("name", ["main-shop", "Mağaza 1", "7", "a.b_c & d's"])
def test_names_that_can(folder: Path, name: str) -> None:
    text = f'[[accounts]]\nname = "{name}"\nmarketplace = "surecart"\ntoken = "t"'
    assert load(folder, text).accounts[0].name == name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_no_permission(folder: Path, host: str) -> None:
    assert load(folder, f"[server]\nhost = '{host}'").server.is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])  # noqa: S104
def test_other_addresses_do(folder: Path, host: str) -> None:
    assert "allow_anonymous = true" in mistakes(folder, f"[server]\nhost = '{host}'")[0]
    assert load(folder, f"[server]\nhost = '{host}'\nallow_anonymous = true").server.host == host


def test_the_store(folder: Path) -> None:
    assert store_path(load(folder, "[store]\npath = 'off'").store) is None
    assert store_path(load(folder, f"[store]\npath = '{folder}/kept.db'").store) == folder / "kept.db"
    default = store_path(load(folder, "").store)
    assert default is not None
    assert default.parent.name == "batch-gateway"
