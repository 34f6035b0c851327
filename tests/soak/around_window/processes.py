"""What a process holds, as Linux tells it, and whether that grows."""

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import median

KIB_PER_MIB = 1024


def memory_kib(pid: int) -> dict[str, int]:
    """Resident and proportional memory; `own` is what no file can give back (heap, stacks, shared writable pages)."""
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    return {"rss": int(found["Rss"]), "pss": int(found["Pss"]), "own": int(found["Pss_Anon"]) + int(found["Pss_Shmem"])}


def handles(pid: int, suffix: str = "") -> int:
    """Open files and sockets; with a suffix, files whose names end so."""
    found = list(Path(f"/proc/{pid}/fd").iterdir())
    return sum(_leads_to(each).endswith(suffix) for each in found) if suffix else len(found)


def _leads_to(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def cpu_s(pid: int) -> float:
    """Seconds of processor time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Growth per unit of time as Theil and Sen measure it; 0 for fewer than two points.

    It is the median of the slopes between every two points: a third of the points may be anything without moving it,
    where one peak near an end tilts the line of least squares.
    """
    slopes = [(y - before) / (x - earlier) for (earlier, before), (x, y) in combinations(points, 2) if x > earlier]
    return median(slopes) if slopes else 0.0


def floors(points: Sequence[tuple[float, float]], every: float) -> list[tuple[float, float]]:
    """The lowest point of each stretch of `every` units.

    What a process needs for a moment goes up and down; what it does not give back any more lifts the lowest points.
    """
    lowest: dict[int, tuple[float, float]] = {}
    for x, y in points:
        stretch = int(x // every)
        if stretch not in lowest or y < lowest[stretch][1]:
            lowest[stretch] = x, y
    return list(lowest.values())
