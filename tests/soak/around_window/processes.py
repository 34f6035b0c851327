"""What a process holds, as Linux tells it, and whether that grows."""

import re
from collections.abc import Sequence
from pathlib import Path

KIB_PER_MIB = 1024


def memory_kib(pid: int) -> dict[str, int]:
    """Resident and proportional memory; `own` is what no file can give back (heap, stacks, shared writable pages)."""
    found = dict(re.findall(r"^(\w+): +(\d+) kB$", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    return {"rss": int(found["Rss"]), "pss": int(found["Pss"]), "own": int(found["Pss_Anon"]) + int(found["Pss_Shmem"])}


def handles(pid: int) -> int:
    """Open files and sockets."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def cpu_s(pid: int) -> float:
    """Seconds of processor time used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Growth per unit of time, by least squares; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
