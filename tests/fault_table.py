"""The page of faults, made from the tests' markers: `python -m tests.fault_table` writes it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.sources import ROOT, python_files, tree

PAGE = ROOT / "docs/faults.md"
SOAK = "tests/soak"

# The page's sections, in their order, and what each is about.
KINDS = {
    "Crash": "The program ends at any moment, without a word.",
    "Order": "Things arrive twice, late, or the wrong way round.",
    "Clock": "A clock that is fast, slow, or set while the program runs.",
    "Signature": "Who sent it, and when.",
    "Requests": "What strangers and broken programs send to the server.",
    "Events": "Events of Stripe's that do not fit.",
    "Database": "The ledger's file and the disk below it.",
    "PostgreSQL": "The ledger's server, and several who work on it.",
    "Stripe": "Stripe does not answer, answers late, or says no.",
    "Keychain": "The desktop's keychain is locked, frozen, or gone.",
    "Processes": "Ports, second windows, children, and sleep.",
    "Secrets": "Where secrets must not be.",
    "Text": "Text from outside that wants to be more than text.",
    "Backup": "Copies, and what comes back from them.",
}

HEAD = """# Faults

What happens when something goes wrong, and the test that causes it for real: processes are killed, disks filled,
servers frozen. This page is made from the tests' `fault` markers by `scripts/docs-faults`. A proof is a test that
`scripts/test` runs, or a long run that `scripts/soak` starts. A figure is what the test does in each run and asserts,
unless it names a long run.
"""

TABLE = """
| Fault | What is promised | Proof | Measured |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Fault:
    """One row of the page.

    Args:
        place: Of the marker, e.g. "tests/storage/test_crash.py:61".
        proof: What runs it, e.g. "storage/test_crash.py::test_kill_9".
    """

    kind: str
    what: str
    promise: str
    figure: str
    place: str
    proof: str


def faults() -> list[Fault]:
    """Every marker, in the order of files and lines."""
    return [fault for path in python_files("tests") for fault in _marked(path)]


def page() -> str:
    """The whole page."""
    found = faults()
    sections = []
    for kind, about in KINDS.items():
        rows = sorted({_row(fault) for fault in found if fault.kind == kind})
        if rows:
            sections.append(f"\n## {kind}\n\n{about}\n{TABLE}{''.join(rows)}")
    return HEAD + "".join(sections)


def wrong() -> list[str]:
    """What is to be mended in the markers, one line each."""
    lines = []
    for fault in faults():
        if fault.kind not in KINDS:
            lines.append(f"{fault.place}: {fault.kind!r} is no kind; take one of {', '.join(KINDS)}")
        if not (fault.what and fault.promise):
            lines.append(f"{fault.place}: write fault and promise as literal texts, so that the page can be made")
        elif fault.what.endswith(".") or not fault.promise.endswith("."):
            lines.append(f"{fault.place}: the promise is a sentence and ends with a full stop, the fault does not")
        if not any(letter.isdigit() for letter in fault.figure):
            lines.append(
                f"{fault.place}: write a figure that the test asserts, or that was measured, as a literal text"
            )
    return lines


def _marked(path: Path) -> Iterator[Fault]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for call in (found for decorator in node.decorator_list for found in _markers(decorator)):
                yield _fault(path, node.name, call)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            yield from (_fault(path, "", call) for call in _markers(node.value))


def _markers(node: ast.expr) -> Iterator[ast.Call]:
    """Also those within a list, or of one case of a parametrised test."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "pytest.mark.fault":
            yield part


def _fault(path: Path, name: str, call: ast.Call) -> Fault:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    given = dict(zip(("kind", "what", "promise", "figure"), call.args, strict=False)) | named
    kind, what, promise, figure = (_literal(given.get(each)) for each in ("kind", "what", "promise", "figure"))
    soak = path.parent.as_posix() == SOAK
    test = f"{path.relative_to('tests').as_posix()}{f'::{name}' if name else ''}"
    proof = f"scripts/soak {path.stem}" if soak else test
    return Fault(kind, what, promise, figure, f"{path}:{call.lineno}", proof)


def _literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _row(fault: Fault) -> str:
    cells = (fault.what, fault.promise, f"`{fault.proof}`", fault.figure)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
