"""Who comes in knows the room by its name, and nothing calls up: read from the imports of the package."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "source_kore_llm_logs"
FOLDER = Path(__file__).parents[1] / PACKAGE
BELOW = {
    "errors": (),
    "manifest": (),
    "reading": (),
    "records": (),
    "api": ("errors", "manifest"),
    "runtime": ("errors", "manifest", "reading", "records"),
    "components": ("errors", "manifest", "reading", "records", "api", "runtime"),
    "source": ("errors", "manifest", "reading", "records", "api", "runtime", "components"),
}
"""Room -> the others from which it may import."""
PURE = ("bisect", "collections", "dataclasses", "datetime", "enum", "functools", "itertools", "math", "typing")


def modules(room: str = "") -> list[str]:
    """The modules of a room, or of the package, as `room.module`; without those that are empty."""
    paths = (path for path in sorted((FOLDER / room).rglob("*.py")) if path.name != "__init__.py")
    return [".".join(path.relative_to(FOLDER).with_suffix("").parts) for path in paths]


def names(module: str) -> Iterator[str]:
    """What a module imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse((FOLDER / f"{module.replace('.', '/')}.py").read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported(module: str) -> set[str]:
    """The modules of the package that a module imports."""
    own = [name.removeprefix(f"{PACKAGE}.") for name in names(module)]
    return {found for name in own for found in (name, name.rpartition(".")[0])} & set(modules())


@pytest.mark.parametrize("room", BELOW)
def test_nothing_imports_upwards(room: str) -> None:
    found = [room] if (FOLDER / f"{room}.py").exists() else modules(room)
    assert found
    rooms = {(one, name.split(".")[1]) for one in found for name in names(one) if name.startswith(f"{PACKAGE}.")}
    assert {(one, other) for one, other in rooms if other not in (room, *BELOW[room])} == set()


def test_there_is_no_circle() -> None:
    TopologicalSorter({module: imported(module) for module in modules()}).prepare()


@pytest.mark.parametrize("module", modules("reading"))
def test_a_module_of_the_reader_is_pure_and_needs_few_others(module: str) -> None:
    assert len(imported(module)) <= 4
    assert {name.split(".")[0] for name in names(module)} <= {PACKAGE, *PURE}
