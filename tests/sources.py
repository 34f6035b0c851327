"""The project's own files, for the tests that check how they are written."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python_files(*folders: str) -> list[Path]:
    """Every Python file below the given folders, as paths from the project's root; by default all."""
    found = [
        path for folder in folders or ("bioql_console", "tests", "scripts") for path in (ROOT / folder).rglob("*.py")
    ]
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def text(path: Path) -> str:
    """The file's text."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(text(path), filename=str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything the file imports, also inside functions; relative names made absolute.

    `from package import name` gives `package.name`, since the name may be a module.
    """
    package = list(path.with_suffix("").parts[:-1])
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = [*base, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*start, alias.name])) for alias in node.names)
