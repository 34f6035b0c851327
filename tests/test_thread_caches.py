"""The window and `serve` begin anew, in the same process, with what glibc can only be told before they begin."""

import os
import subprocess
import sys

import pytest

from bioql_console import __main__ as program
from bioql_console import thread_caches
from bioql_console.thread_caches import BEGUN, NONE_KEPT, VARIABLE, begin_without

TOLD = """
import os, sys
from bioql_console.thread_caches import begin_without
told = os.environ.get("GLIBC_TUNABLES")
begin_without()
print(os.getpid(), told, os.environ.get("GLIBC_TUNABLES"), *sys.argv[1:])
"""
glibc = pytest.mark.skipif(not thread_caches._is_glibc(), reason="another library than glibc")


def told(program: str, environment: dict[str, str]) -> tuple[int, str]:
    """The process that was started, and what it says."""
    outside = {name: value for name, value in os.environ.items() if name != VARIABLE}
    process = subprocess.Popen(
        [sys.executable, "-c", program, "gui", "--demo"], env=outside | environment, stdout=subprocess.PIPE, text=True
    )
    return process.pid, process.communicate(timeout=30)[0].strip()


@glibc
def test_it_begins_anew_in_the_same_process_with_the_same_arguments_and_its_children_are_told_nothing() -> None:
    pid, says = told(TOLD, {})
    assert says == f"{pid} {NONE_KEPT} None gui --demo"


@glibc
@pytest.mark.parametrize("own", ["glibc.malloc.perturb=7", NONE_KEPT])
def test_what_somebody_told_glibc_themselves_stays(own: str) -> None:
    pid, says = told(TOLD, {VARIABLE: own})
    assert says == f"{pid} {own}:{NONE_KEPT} {own} gui --demo"


@glibc
def test_where_the_system_takes_the_word_away_it_does_not_begin_for_ever() -> None:
    pid, says = told(TOLD.replace("told =", "os.environ.pop('GLIBC_TUNABLES', None); told ="), {})
    assert says == f"{pid} None None gui --demo"


@glibc
def test_where_nothing_may_be_begun_it_goes_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    monkeypatch.setenv(VARIABLE, "glibc.malloc.perturb=7")
    begin_without()
    assert os.environ[VARIABLE] == "glibc.malloc.perturb=7"
    assert BEGUN not in os.environ


@pytest.mark.parametrize(
    ("arguments", "for_days"),
    [
        ([], True),
        (["gui", "--help"], True),
        (["--data-dir", "x"], True),
        (["--env=live"], True),
        (["serve", "--port", "0"], True),
        (["--help"], False),
        (["--version"], False),
        (["verify"], False),
        (["demo"], False),
    ],
)
def test_only_what_runs_for_days_begins_anew(arguments: list[str], for_days: bool) -> None:
    assert program._runs_for_days(*arguments[:1]) is for_days
