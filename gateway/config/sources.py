"""Where settings come from, as pydantic-settings sources: the TOML file, and the environment over it."""

from __future__ import annotations

import json
import math
import tomllib
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Union, cast, get_args, get_origin

from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from gateway.config.mistakes import Mistakes, suggest
from gateway.config.references import References
from gateway.config.words import fields, findings, section

PREFIX: Final = "BATCH_GATEWAY_"
_DELIMITER: Final = "__"


class TomlFile(TomlConfigSettingsSource):
    """The file. One that cannot be read is noted and counts as empty."""

    def __init__(self, settings: type[BaseSettings], path: Path, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        super().__init__(settings, toml_file=path)

    def resolve(self, references: References) -> None:
        """Put values in place of their references."""
        self.init_kwargs = references.resolve(self._table)

    def replace(self, key: str, read: Callable[[Any], Any]) -> None:
        """Read one key of the file, where it is there, by other means than the settings' model."""
        table = self._table
        if key in table:
            self.init_kwargs = {**table, key: read(table[key])}

    @property
    def _table(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.init_kwargs)  # pyright: ignore[reportUnknownMemberType]

    def _read_files(self, files: Any, deep_merge: bool = False) -> dict[str, Any]:  # noqa: ARG002, FBT001, FBT002 - pydantic-settings' signature
        text = ""
        try:
            text = _text(Path(files).expanduser())
            return tomllib.loads(text)
        except FileNotFoundError:
            words = "there is no such file: create it, or name another with --config"
        except IsADirectoryError:
            words = "is a folder: name the file in it"
        except OSError as error:
            words = f"cannot be read ({error.strerror}): mend its permissions, or name another file with --config"
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            words = f"line {line} is not UTF-8 text: save the file as UTF-8"
        except tomllib.TOMLDecodeError as error:
            last = text.count("\n") + (not text.endswith("\n"))
            words = f"is not valid TOML: {error}".replace("at end of document", f"at line {last}, the last one")
        except RecursionError:
            words = "is nested too deeply to be a configuration"
        self._mistakes.add((), words)
        return {}


def _text(path: Path) -> str:
    # "utf-8-sig": editors on Windows put a mark in front, which TOML does not know
    return path.read_bytes().decode("utf-8-sig")


class Environment(PydanticBaseSettingsSource):
    """`BATCH_GATEWAY_SERVER__PORT` and its like: one variable for each scalar of a section.

    Variables of our prefix without a double underscore are not ours to judge: secrets may be named so, and
    Kubernetes sets some for a service that is called batch-gateway.
    """

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str], mistakes: Mistakes) -> None:
        super().__init__(settings)
        self._environ = environ
        self._mistakes = mistakes

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """One field's value, its key, and that it needs no decoding."""
        return self().get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The tables that the variables make; those that make none are noted."""
        read: dict[str, Any] = {}
        for name, value in sorted(self._environ.items()):
            if not name.startswith(PREFIX) or _DELIMITER not in name:
                continue
            *tables, key = name.removeprefix(PREFIX).lower().split(_DELIMITER)
            try:
                scalar = self._scalar(tables, key, value)
            except _Refused as refused:
                self._mistakes.add_variable(name, str(refused))
                continue
            table = read
            for part in tables:
                table = table.setdefault(part, {})
            table[key] = scalar
        return read

    def _scalar(self, tables: list[str], key: str, value: str) -> Any:
        model: type = self.settings_cls
        for part in tables:
            model = _inner(model, part)
        field = fields(model).get(key)
        if field is None:
            raise _Refused(f"unknown setting: {suggest(key, _scalars(model))}")
        if key not in _scalars(model):
            raise _Refused("is not a single value: set it in the file")
        adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
        try:
            read = adapter.validate_strings(value)
            return value if isinstance(read, SecretStr) else adapter.dump_python(read, mode="json")
        except ValidationError as error:
            raise _Refused("; ".join(words for _, words in findings(error, model))) from None


class _Refused(Exception):
    """A variable that cannot be used; the text says why."""


def _inner(model: type, part: str) -> type:
    tables = {name: inner for name, field in fields(model).items() if (inner := section(field.annotation))}
    if part in tables:
        return tables[part]
    if part in fields(model):
        raise _Refused(f"{part} is set in the file alone: write a secret there as ${{NAME}}")
    raise _Refused(f"unknown setting: {suggest(part, tables)}")


def _scalars(model: type) -> list[str]:
    return [name for name, field in fields(model).items() if _is_scalar(field.annotation)]


def _is_scalar(annotation: Any) -> bool:
    arguments = get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        return all(_is_scalar(argument) for argument in arguments)
    return get_origin(annotation) in {None, Literal} and section(annotation) is None


def as_json(table: Mapping[str, Any]) -> str:
    """A TOML table as JSON: validated strictly, it takes no "8000" or true for a number, yet a list for a tuple."""
    return json.dumps(_plain(table))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in cast("list[Any]", value)]
    if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # a date or an infinite number: no setting takes one, so it becomes what no setting takes
    return [[]]
