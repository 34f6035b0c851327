"""docs/performance.md and its picture, made from one run of all benches."""

import math
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from xml.sax.saxutils import escape

from tests.bench.figures import Figure, Skipped
from tests.bench.peers import PACKAGES, version

Row = tuple[str, Figure | Skipped]
LIBRARIES = ("PySide6-Essentials", "qasync", "SQLAlchemy", "starlette", "uvicorn", "httpx", "stripe", "psycopg")
# The picture, in pixels: names on the left, then a logarithmic scale, so many powers of ten on each side of the goal.
NAMES, SCALE, LINE, TOP = 330, 560, 22, 46
DECADES = 2
MET, MISSED, INK, FAINT = "#1f9d63", "#d1443f", "#3b4252", "#c9ced8"


def write_report(docs: Path, rows: Sequence[Row], took_s: float) -> None:
    """Replace the page and the picture."""
    (docs / "pictures" / "performance.svg").write_text(picture(rows), encoding="utf-8")
    (docs / "performance.md").write_text(page(rows, took_s), encoding="utf-8")


def page(rows: Sequence[Row], took_s: float) -> str:
    """The page: the table, the picture, what is missed and why, and where it was measured."""
    figures = [(name, figure) for name, figure in rows if isinstance(figure, Figure)]
    met = sum(figure.met for _, figure in figures)
    parts = [
        "# Performance",
        "Made by `scripts/bench`, which measures ours and each peer in turns in one run: read the ratios. "
        f"{met} of {len(figures)} goals are met.",
        "![How many times better than its goal each figure is](pictures/performance.svg)",
        _table(figures),
    ]
    if missed := [(name, figure) for name, figure in figures if not figure.met]:
        floors = [f"- **{_name(name, figure)}**: {figure.floor or 'not explained yet.'}" for name, figure in missed]
        parts += ["## Missed, and why", "\n".join(floors)]
    if skipped := [(name, figure) for name, figure in rows if isinstance(figure, Skipped)]:
        parts += [
            "## Not measured here",
            "\n".join(f"- {_name(name, figure)}: {figure.why}" for name, figure in skipped),
        ]
    parts += ["## Measured on", _machine(took_s)]
    return "\n\n".join(parts) + "\n"


def _name(bench: str, figure: Figure | Skipped) -> str:
    return f"{bench}, {figure.name}" if figure.name else bench


def _table(figures: Sequence[tuple[str, Figure]]) -> str:
    lines = ["| Bench | Ours | Peer or limit | | Ratio | Goal | |", "| --- | ---: | ---: | --- | ---: | ---: | --- |"]
    for name, figure in figures:
        sign = "≥" if figure.more_is_better else "≤"
        ours, reference = (f"{_short(value)} {figure.unit}" for value in (figure.ours, figure.reference))
        lines.append(
            f"| {_name(name, figure)} | {ours} | {reference} | {figure.peer} | {_short(figure.ratio)} "
            f"| {sign} {figure.goal:g} | {'met' if figure.met else '**missed**'} |"
        )
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _machine(took_s: float) -> str:
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    libraries = [f"{name} {metadata.version(name)}" for name in LIBRARIES]
    others = [f"{program} {version(program)}" for program in PACKAGES if version(program)]
    return "\n".join(
        (
            f"- {datetime.now(UTC):%d %B %Y}, {took_s / 60:.0f} minutes for all",
            f"- {_processor()}, {os.cpu_count()} cores, {memory_mib / 1024:.0f} GiB; {platform.system()} "
            f"{platform.release()}",
            f"- Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {', '.join(libraries)}",
            f"- Peers: {', '.join(others) or 'none'}",
        )
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


# --- the picture


def picture(rows: Sequence[Row]) -> str:
    """A bar for each figure, from its goal to what was reached: to the right better, to the left worse."""
    figures = [(name, figure) for name, figure in rows if isinstance(figure, Figure)]
    width, height = NAMES + SCALE + 20, TOP + LINE * len(figures) + 12
    marks = []
    for power in range(-DECADES, DECADES + 1):
        at = _place(10.0**power)
        words = "goal" if power == 0 else f"{10**power:g}×" if power > 0 else f"1/{10**-power}"
        marks.append(
            f'<line x1="{at}" y1="{TOP - 10}" x2="{at}" y2="{height - 8}" stroke="{FAINT if power else INK}"/>'
        )
        marks.append(f'<text x="{at}" y="{TOP - 18}" text-anchor="middle" fill="{INK}">{words}</text>')
    bars = [_bar(number, name, figure) for number, (name, figure) in enumerate(figures)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        + "\n".join([*marks, *bars])
        + "\n</svg>\n"
    )


def _bar(number: int, name: str, figure: Figure) -> str:
    middle, at, goal = TOP + LINE * number + LINE / 2, _place(figure.margin), _place(1.0)
    left, color = min(at, goal), MET if figure.met else MISSED
    label = escape(_name(name, figure))
    bar = (
        f'<rect x="{left}" y="{middle - 6}" width="{max(2.0, abs(at - goal)):.1f}" height="12" rx="2" fill="{color}"/>'
    )
    return f'<text x="{NAMES - 10}" y="{middle + 4}" text-anchor="end" fill="{INK}">{label}</text>{bar}'


def _place(margin: float) -> float:
    """Where a margin is on the scale; what lies beyond its ends is drawn at them."""
    held = min(max(margin, 10.0**-DECADES), 10.0**DECADES)
    return round(NAMES + SCALE * (math.log10(held) + DECADES) / (2 * DECADES), 1)
