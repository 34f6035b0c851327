"""`python -m tests.bench [NAME…] [--json FILE]`: run benches, print a table, exit 1 when a goal is missed.

How a bench is written: it is a module here, named as its row in `BENCHES` with `_` for `-`, with a function

    def run() -> list[Figure | Skipped]

that takes less than a minute. It measures ours and a peer in turns (`figures.in_turns`), at least five rounds, and
answers with one `Figure` for each ratio; where the goal can't be met, the figure's `floor` says why, and which profile
shows it. Programs of others come from `peers.missing`; what can't be had here is a `Skipped`, which is printed too.
A million users come from `big_ledger`. Bytecode is compiled before anything is measured.

A run of all benches writes docs/performance.md and its picture.
"""

import argparse
import compileall
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure, Skipped
from tests.bench.report import Row, write_report

# In the order in which they are run and reported.
BENCHES = (
    "start",
    "start-peers",
    "ready",
    "rss",
    "table-first",
    "table-scroll",
    "table-search",
    "grow",
    "ageing",
    "webhook",
    "apply",
    "ui-stall",
    "meter",
    "import",
    "export",
    "reconcile",
    "pg",
    "idle",
)
ROOT = Path(__file__).resolve().parents[2]
LINE = "{:<44} {:>14} {:>14} {:>9} {:>8}  {}"


def main() -> int:
    """Run what the command line asks for; the answer is the exit code."""
    names = [name for name in BENCHES if (Path(__file__).parent / f"{_module(name)}.py").exists()]
    arguments = argparse.ArgumentParser(prog="scripts/bench")
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"one of: {', '.join(names)}; default: all")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    wanted = arguments.parse_args()
    unknown = set(wanted.name) - set(names)
    if unknown:
        arguments.error(f"no bench is called {', '.join(sorted(unknown))}; there are: {', '.join(names)}")

    _compile()
    rows: list[Row] = []
    print(LINE.format("bench", "ours", "peer or limit", "ratio", "goal", ""))
    began = time.monotonic()
    for name in names if not wanted.name else [name for name in names if name in wanted.name]:
        rows += _run(name)
    took_s = time.monotonic() - began
    print(f"{took_s:.0f} s")
    if wanted.json:
        told = [figure.as_json(name) for name, figure in rows]
        wanted.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if not wanted.name:
        write_report(ROOT / "docs", rows, took_s)
    return 0 if all(isinstance(figure, Figure) and figure.met for _, figure in rows) else 1


def _module(name: str) -> str:
    return name.replace("-", "_")


def _compile() -> None:
    """As an installed console is; the environment may keep Python from doing it by itself."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    compileall.compile_dir(ROOT / "bioql_console", quiet=1)


def _run(name: str) -> Iterable[Row]:
    """One bench's rows, printed as they come. One that breaks is said, and is no reason not to run the others."""
    began = time.monotonic()
    try:
        figures: list[Figure | Skipped] = importlib.import_module(f"tests.bench.{_module(name)}").run()
    except Exception:
        traceback.print_exc()
        figures = [Skipped("", "it broke; see the traceback")]
    for figure in figures:
        print(_line(name, figure), flush=True)
    print(f"{'':<44} {time.monotonic() - began:>12.0f} s", file=sys.stderr)
    return [(name, figure) for figure in figures]


def _line(bench: str, figure: Figure | Skipped) -> str:
    name = f"{bench}, {figure.name}" if figure.name else bench
    if isinstance(figure, Skipped):
        return f"{name:<44} skipped: {figure.why}"
    sign = "≥" if figure.more_is_better else "≤"
    values = (
        f"{value:,.4g} {figure.unit}" if value < 1_000 else f"{value:,.0f} {figure.unit}"
        for value in (figure.ours, figure.reference)
    )
    verdict = f"{'met' if figure.met else 'MISSED'}{', beside ' + figure.peer if figure.peer else ''}"
    return LINE.format(name, *values, f"{figure.ratio:.3g}", f"{sign} {figure.goal:g}", verdict)


if __name__ == "__main__":
    sys.exit(main())
