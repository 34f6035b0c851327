"""Rules of this codebase that no linter knows. Each failure says where and what to do instead."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import error_codes, fault_table, stripe_call_table
from tests.sources import ROOT, python_files, text, tree

MAX_LINES = 300
SHORT_PAUSE_S = 0.1

FLOATS_ALLOWED: dict[str, str] = {
    # "services/example.py": "why a float is right there",
}

MACHINE_PATHS = re.compile(r"/root/|/work/|/home/[a-z]|/Users/[a-z]")


def _calls(path: Path) -> Iterator[tuple[int, str, ast.Call]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), node


def _report(wrong: list[str], cure: str) -> None:
    assert not wrong, cure + "\n" + "\n".join(wrong)


def test_files_fit_in_the_head() -> None:
    sizes = {path: text(path).count("\n") for path in python_files() if "migrations/versions" not in path.as_posix()}
    wrong = [f"{path} has {lines} lines" for path, lines in sizes.items() if lines > MAX_LINES]
    _report(wrong, f"Split these along what they are about; a file has at most {MAX_LINES} lines.")


def test_every_file_says_what_it_is() -> None:
    wrong = [str(path) for path in python_files() if not ast.get_docstring(tree(path)) and text(path).strip()]
    _report(wrong, "Give these a docstring at the top.")


def _is_long(pause: ast.Call) -> bool:
    """A pause whose length is not written there is as suspect as a long one."""
    match pause.args:
        case [ast.Constant(value=int() | float() as seconds)]:
            return seconds >= SHORT_PAUSE_S
        case _:
            return True


def test_tests_wait_for_conditions_not_for_time() -> None:
    wrong = []
    # A long run keeps a pace by the clock, so many payments a second; a bench looks again after so many seconds.
    paced = ("tests/soak/around_window/", "tests/bench/")
    for path in (path for path in python_files("tests") if not path.as_posix().startswith(paced)):
        for line, name, call in _calls(path):
            if name in {"time.sleep", "qtbot.wait", "QTest.qWait"} or (name == "asyncio.sleep" and _is_long(call)):
                wrong.append(f"{path}:{line} calls {name}")
    _report(wrong, "Wait with `until(condition)` or on an event; a fixed pause is slow and still flaky.")


def test_money_is_never_a_float() -> None:
    wrong = []
    for path in python_files("bioql_console/domain", "bioql_console/storage", "bioql_console/services"):
        if path.relative_to("bioql_console").as_posix() not in FLOATS_ALLOWED:
            wrong += [f"{path}:{line} calls float()" for line, name, _ in _calls(path) if name == "float"]
    _report(wrong, "Use int micros or Decimal; where it isn't money, explain it in FLOATS_ALLOWED.")


def _uses_of(names: set[str], path: Path) -> Iterator[tuple[int, str]]:
    """Where the file calls one of the classes, one of their static functions, or derives from them."""
    for line, name, _ in _calls(path):
        if names & set(name.split(".")):
            yield line, name
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
            yield from ((node.lineno, base) for base in bases & names)


def test_text_from_outside_is_shown_as_plain_text() -> None:
    """QLabel and QMessageBox take a user's name for HTML, and load the images it asks for."""
    wrong = [
        f"{path}:{line} uses {name}"
        for path in python_files("bioql_console/ui")
        if "widgets" not in path.parts
        for line, name in _uses_of({"QLabel", "QMessageBox", "QErrorMessage"}, path)
    ]
    _report(wrong, "Use PlainLabel and the dialogs of ui/widgets.")


def test_no_dialog_runs_a_loop_of_its_own() -> None:
    """`exec()` inside a coroutine loses the other tasks for good."""
    blocking = re.compile(r"\.exec_?$|^QFileDialog\.(get|save)|^QInputDialog\.get|^QColorDialog\.get")
    wrong = [
        f"{path}:{line} calls {name}"
        for path in python_files("bioql_console/ui")
        for line, name, _ in _calls(path)
        if blocking.search(name)
    ]
    _report(wrong, "Use `dialog.open()` and await its `finished` signal.")


def _tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: no list of the project's files")
    return [ROOT / name for name in os.fsdecode(listed.stdout).split("\0") if name and (ROOT / name).is_file()]


def test_nothing_names_the_machine_it_was_written_on() -> None:
    wrong = []
    for path in _tracked_files():
        if path == Path(__file__) or b"\0" in (content := path.read_bytes()):
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if MACHINE_PATHS.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    _report(wrong, "Use a path relative to the project, a temporary folder, or ~.")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-fuzz.lock"])
def test_lock_files_pin_every_package_and_work_with_any_index(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in lock, f"{name} holds an address; run scripts/lock."
    packages = lock.replace("\\\n", " ").splitlines()
    loose = [line.split(" ")[0] for line in packages if "==" not in line or "--hash=sha256:" not in line]
    assert not loose, f"{name} does not pin {loose}; run scripts/lock."


def test_manual_lists_every_error_code() -> None:
    fresh = error_codes.manual()
    assert error_codes.MANUAL.read_text(encoding="utf-8") == fresh, (
        "docs/errors.md is not what the code says; run scripts/docs-errors."
    )


def test_every_call_to_stripe_is_in_the_catalogue() -> None:
    _report(stripe_call_table.lacking(), "Mend the catalogue as each line says, then run scripts/docs-stripe-calls.")


def test_page_of_stripe_calls_is_current() -> None:
    fresh = stripe_call_table.page()
    assert stripe_call_table.PAGE.read_text(encoding="utf-8") == fresh, (
        "docs/stripe-calls.md is not what the catalogue says; run scripts/docs-stripe-calls."
    )


def test_every_fault_is_told_in_full() -> None:
    _report(fault_table.wrong(), "Mend these markers, then run scripts/docs-faults.")


def test_page_of_faults_is_current() -> None:
    assert fault_table.PAGE.read_text(encoding="utf-8") == fault_table.page(), (
        "docs/faults.md is not what the tests' markers say; run scripts/docs-faults."
    )


CANARY = """
import sys
from PySide6.QtCore import QTimerEvent
from PySide6.QtWidgets import QApplication
app = QApplication([])
before = sys.getrefcount(None), sys.getrefcount(True)
for _ in range(2000):
    app.processEvents()
    app.killTimer(app.startTimer(1000))
print(min(sys.getrefcount(None) - before[0], sys.getrefcount(True) - before[1]))
"""


def test_qt_binding_does_not_lose_references_to_none() -> None:
    """PySide6 6.12 drops one reference to None per call; on Python 3.11 the console would abort within the hour."""
    done = subprocess.run([sys.executable, "-c", CANARY], capture_output=True, text=True, check=True, timeout=30)
    assert int(done.stdout) > -200, "This PySide6 is unsafe on this Python; see the pins in pyproject.toml."
