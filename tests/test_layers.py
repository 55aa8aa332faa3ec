"""Which way imports go: the tree tells the data's path, and nothing imports upward."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("adapters", "gateway", "schema")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

LAYERS = {"adapters": 0, "gateway.core": 1, "schema": 2, "gateway": 3}
"""Higher may import lower. `gateway.core` stands between `schema` and `adapters`; the rest of `gateway` is the edge."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module: str) -> int | None:
    if module == "gateway.core" or module.startswith("gateway.core."):
        return LAYERS["gateway.core"]
    return LAYERS.get(module.split(".", maxsplit=1)[0])


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: absolute imports only"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    own = layer_of(name_of(path))
    assert own is not None
    for imported in imports_of(path):
        layer = layer_of(imported)
        assert layer is None or layer <= own, f"{name_of(path)} imports {imported}, which stands above it"


def test_packages_are_empty_rooms() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("__init__.py"):
            assert path.read_text(encoding="utf-8").strip() == "", f"{path} is not empty"


def test_nobody_below_the_edge_reaches_for_it() -> None:
    edge = ("gateway.app", "gateway.settings", "gateway.cli", "gateway.sandbox")
    for path in MODULES:
        if name_of(path).startswith(("adapters", "schema", "gateway.core")):
            assert not [name for name in imports_of(path) if name.startswith(edge)], name_of(path)


def marketplaces() -> set[str]:
    return {path.stem for path in (ROOT / "schema" / "batches").glob("*.py")} - {"__init__"}


def test_marketplaces_never_import_each_other() -> None:
    names = marketplaces()
    for folder in ("adapters", "schema/batches"):
        for name in names:
            others = tuple(f"{folder.replace('/', '.')}.{other}" for other in names - {name}) + tuple(
                f"adapters.{other}" for other in names - {name}
            )
            assert not [i for i in imports_of(ROOT / folder / f"{name}.py") if i in others], name


def test_files_registries_and_recorded_folders_name_the_same_marketplaces() -> None:
    from adapters.registry import ADAPTERS
    from schema.registry import FACES
    from schema.root import build_schema

    names = marketplaces()
    assert set(ADAPTERS) == names
    assert set(FACES) == names
    assert {path.name for path in (ROOT / "adapters" / "recorded").iterdir() if path.is_dir()} == names
    for name in names:
        assert (ROOT / "adapters" / f"{name}.py").exists()
        assert (ROOT / "adapters" / "recorded" / name / "story.json").exists()
        assert ADAPTERS[name].marketplace == FACES[name].marketplace == name
    union = build_schema().get_type_by_name("Batch")
    members = {member.__name__ for member in union.types}  # type: ignore[union-attr]
    assert members == {member.__name__ for face in FACES.values() for member in face.batches}


def test_the_schema_package_is_ours() -> None:
    """PyPI has a package of the same name: the one that is loaded must be this tree's."""
    spec = importlib.util.find_spec("schema")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / "schema"
