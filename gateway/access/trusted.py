"""Reads trusted documents: a folder of `.graphql` files, or a manifest as Apollo and Relay write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from gateway.access.persisted import digest

_SUFFIXES: Final = (".graphql", ".gql")
_LARGEST: Final = 16 * 1024 * 1024


class TrustedError(Exception):
    """The documents cannot be read; the text says what to mend."""


def read_trusted(place: Path) -> dict[str, str]:
    """Texts by their ids. A document is known by the SHA-256 of its text, and by the id that a manifest gives it.

    Raises `TrustedError`.
    """
    try:
        entries = list(_folder(place) if place.is_dir() else _manifest(place))
    except FileNotFoundError:
        raise TrustedError("there is no such folder or manifest: create it, or mend the path") from None
    except OSError as error:
        raise TrustedError(f"cannot be read ({error.strerror}): mend its permissions") from error
    except (ValueError, TypeError, KeyError, RecursionError):
        raise TrustedError("is neither a folder of .graphql files nor a manifest in JSON and UTF-8") from None
    if not entries:
        raise TrustedError("holds no document: clients would have nothing to run")
    return dict(entries)


def _folder(place: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(place.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file():
            text = path.read_text(encoding="utf-8")
            # tools hash a document without the line end that editors put behind it
            for form in {text, text.strip()}:
                yield digest(form), form


def _manifest(place: Path) -> Iterator[tuple[str, str]]:
    if place.stat().st_size > _LARGEST:
        raise TrustedError("is too large for a manifest")
    for name, text in _listed(json.loads(place.read_text(encoding="utf-8"))):
        yield name.removeprefix("sha256:"), text
        yield digest(text), text


def _listed(manifest: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(manifest, dict):
        raise TypeError("no manifest")
    table = cast("dict[str, Any]", manifest)
    if isinstance(table.get("operations"), list):
        pairs = [(entry["id"], entry["body"]) for entry in table["operations"]]
    else:
        pairs = list(table.items())
    for name, text in pairs:
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError("no manifest")
        yield name, text
