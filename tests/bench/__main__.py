"""`python -m tests.bench [NAME…] [--json FILE]`: run benches, print a table, exit 1 when a goal is missed.

A bench is a module here with `run() -> list[Figure]`; its name is the module's.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

from tests.bench.figures import Figure

NOT_BENCHES = {"__main__", "figures"}


def main() -> int:
    """Run what the command line asks for; the answer is the exit code."""
    names = sorted({module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])} - NOT_BENCHES)
    arguments = argparse.ArgumentParser(prog="scripts/bench")
    arguments.add_argument("name", nargs="*", metavar="NAME", help=f"one of: {', '.join(names)}; default: all")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    wanted = arguments.parse_args()
    unknown = set(wanted.name) - set(names)
    if unknown:
        arguments.error(f"no bench is called {', '.join(sorted(unknown))}; there are: {', '.join(names)}")

    figures: list[Figure] = []
    row = "{:<34} {:>12} {:>12} {:>7} {:>8}  {}"
    print(row.format("bench", "ours", "reference", "ratio", "goal", ""))
    for name in wanted.name or names:
        for figure in importlib.import_module(f"tests.bench.{name}").run():
            figures.append(figure)
            print(_line(row, figure), flush=True)
    if wanted.json:
        wanted.json.write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n", encoding="utf-8")
    return 0 if all(figure.met for figure in figures) else 1


def _line(row: str, figure: Figure) -> str:
    sign = "≥" if figure.more_is_better else "≤"
    values = (f"{value:,.1f} {figure.unit}" for value in (figure.ours, figure.reference))
    verdict = "met" if figure.met else "MISSED"
    return row.format(figure.name, *values, f"{figure.ratio:.2f}", f"{sign} {figure.goal:g}", verdict)


if __name__ == "__main__":
    sys.exit(main())
