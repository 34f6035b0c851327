"""The window and `serve` begin anew, in the same process, with what glibc can only be told before they begin."""

import os
import subprocess
import sys

import pytest

from bioql_console.thread_caches import NONE_KEPT, VARIABLE

TOLD = """
import os, sys
from bioql_console.thread_caches import begin_without
told = os.environ.get("GLIBC_TUNABLES")
begin_without()
print(os.getpid(), told, os.environ.get("GLIBC_TUNABLES"), *sys.argv[1:])
"""
glibc = pytest.mark.skipif(
    not sys.platform.startswith("linux") or "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="not glibc's"
)


def told(environment: dict[str, str]) -> tuple[int, str]:
    """The process that was started, and what it says."""
    outside = {name: value for name, value in os.environ.items() if name != VARIABLE}
    process = subprocess.Popen(
        [sys.executable, "-c", TOLD, "gui", "--demo"], env=outside | environment, stdout=subprocess.PIPE, text=True
    )
    return process.pid, process.communicate(timeout=30)[0].strip()


@glibc
def test_it_begins_anew_in_the_same_process_with_the_same_arguments_and_its_children_are_told_nothing() -> None:
    pid, says = told({})
    assert says == f"{pid} {NONE_KEPT} None gui --demo"


@glibc
def test_what_somebody_told_glibc_themselves_stays() -> None:
    own = "glibc.malloc.perturb=7"
    pid, says = told({VARIABLE: own})
    assert says == f"{pid} {own}:{NONE_KEPT} {own} gui --demo"
