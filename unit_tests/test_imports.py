"""Nothing calls up: a module imports what stands below it, and nothing imports in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "source_kore_llm_logs"
FLOORS = (
    {"errors", "manifest"},
    {"records"},
    {"api"},
    {"reading"},
    {"runtime"},
    {"components"},
    {"source"},
    {"command"},
    {"run", "to_files"},
    {"__main__"},
)
"""Modules and folders of the package, the lowest first."""
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of the package that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name:
            path = ".".join(str(node.module).split(".")[1:])
            for name in node.names:
                inner = f"{path}.{name.name}".lstrip(".")
                yield inner if inner in MODULES else path


def floor(module: str) -> int:
    return next(place for place, names in enumerate(FLOORS) if module.split(".")[0] in names)


def test_nothing_imports_what_stands_above_it() -> None:
    upwards = [
        (module, other) for module, tree in MODULES.items() for other in imported(tree) if floor(other) > floor(module)
    ]
    assert upwards == []


def test_nothing_imports_in_a_circle() -> None:
    for module in MODULES.values():
        for node in ast.walk(module):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = [ast.Pass()]  # The reader's own circle, which goes with it.
    TopologicalSorter({module: set(imported(tree)) for module, tree in MODULES.items()}).prepare()
