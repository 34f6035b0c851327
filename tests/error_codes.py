"""The manual's page of error codes, made from the code: `python -m tests.error_codes` writes it."""

import ast
import re
from dataclasses import dataclass

from tests.sources import ROOT, python_files, tree

MANUAL = ROOT / "docs/errors.md"
CODE = re.compile(r"[a-z_]+(\.[a-z_]+)+")

HEAD = """# Error codes

Each message of the console says what happened and the one next thing to do. The code, shown beside it and in the logs,
stays the same in every language. This page is made from the code by `scripts/docs-errors`.

| Code | What happened | What to do |
| --- | --- | --- |
"""


@dataclass(frozen=True, order=True)
class ErrorCode:
    """One row of the page."""

    code: str
    what: str
    fix: str


def error_codes() -> list[ErrorCode]:
    """Every error the code can raise, in order of code.

    They are found as `OperatorError(what, fix=…, code=…)` and as rows of tables, where the code stands before or after
    the two sentences.
    """
    found = set()
    for path in python_files("bioql_console"):
        for node in ast.walk(tree(path)):
            found |= _raised(node) | _in_table(node)
    return sorted(found)


def manual() -> str:
    """The whole page."""
    rows = [f"| `{error.code}` | {_cell(error.what)} | {_cell(error.fix)} |\n" for error in error_codes()]
    return HEAD + "".join(rows)


def _raised(node: ast.AST) -> set[ErrorCode]:
    if not isinstance(node, ast.Call):
        return set()
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    code = _words(named.get("code"))
    what = node.args[0] if node.args else named.get("what")
    return {ErrorCode(code, _words(what), _words(named.get("fix")))} if CODE.fullmatch(code) else set()


def _in_table(node: ast.AST) -> set[ErrorCode]:
    cells = node.elts if isinstance(node, ast.Tuple) else node.args if isinstance(node, ast.Call) else []
    words = [_words(cell) for cell in cells]
    found = set()
    for at, word in enumerate(words):
        if CODE.fullmatch(word):
            for pair in (words[at + 1 : at + 3], words[max(at - 2, 0) : at]):
                if len(pair) == 2 and all(sentence.endswith((".", "?")) for sentence in pair):
                    found.add(ErrorCode(word, *pair))
    return found


def _words(node: ast.expr | None) -> str:
    """A literal's text; what is only known when it happens becomes "…"."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(_words(part) for part in parts)
        case None:
            return ""
        case _:
            return "…"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    MANUAL.parent.mkdir(exist_ok=True)
    MANUAL.write_text(manual(), encoding="utf-8")
