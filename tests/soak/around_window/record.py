"""The figures of a soak, and what is wrong with them.

Memory is judged after a warm-up. Until then it grows as it may: every page of the window is built, every statement
compiled, each connection to the ledger has filled its cache of pages (2 MiB, a reader's 256 KiB), and malloc has met
the worst moment of every thread. From then on the lowest figure of each two minutes is taken, and the slope of those is
the median of all slopes between two of them. So neither a peak, nor when the last one came, decides; what is kept for
good does.

What is judged is `kept`: heap, stacks and shared writable pages of the console's process, which no file can give back,
without what SQLite keeps. The latter grows with the ledger, until every connection's cache of pages is full: it may
fill those, and no more. RSS has the mapped pages of libraries on top, which the system takes and gives as it likes; it
is told, not judged. Beside it stand what explains a growth: the blocks that Python's allocator has handed out (its
objects), and what is in use and what lies free in malloc's heaps (Qt, SQLite, buffers). When only what lies free grows,
it is malloc's. References to None are a canary: PySide keeps some for each widget that Qt deletes, so where they rise,
something is made again and again; where they fall, somebody gives back more than was taken.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict

from tests.soak.around_window.customers import Counted
from tests.soak.around_window.processes import cpu_s, floors, handles, memory_kib, slope, threads

MOST_MIB_PER_HOUR = 1.0
# What grows before need not go on growing; less than half as long again after it says nothing of an hour.
WARM_AFTER_S = 20 * 60
SHORTEST_JUDGED_S = 10 * 60
FLOOR_OF_S = 2 * 60
JUDGED = "window_kept_mib"
# Connections come and go with the requests of a moment; Stripe sends up to sixteen at once, with two ends each.
COME_AND_GO = {"fds": 36, "threads": 4, "widgets": 40, "qt_wrappers": 400}
# An hour, of the lowest figures: what is not given back, one by one.
MOST_PER_HOUR = {"fds": 6.0, "threads": 3.0, "widgets": 20.0, "qt_wrappers": 100.0, "none_references": 20_000.0}
CANARY = "none_references"
# Garbage holds some until the next minute's collection; a binding that loses them loses thousands a minute.
FEWER_NONES = 5_000
# A few write, with 2 MiB of pages, most read, with an eighth of that; each has as much again of statements.
MOST_SQLITE_MIB_EACH = 2.0


class Record:
    """Looked at again and again, judged at the end.

    Args:
        processes: Whose memory and handles are looked at.
        lasts_s: How long it is to last.
    """

    def __init__(self, processes: Mapping[str, int], lasts_s: float) -> None:
        self.samples: list[dict[str, float]] = []
        self.wrongs: list[str] = []
        self.held: list[str] = []
        self._processes = dict(processes)
        self._began = time.monotonic()
        self._lasts_s = lasts_s
        self._counted = Counted()
        self._words: list[str] = []

    @property
    def ends(self) -> float:
        """On the monotonic clock."""
        return self._began + self._lasts_s

    def end_now(self) -> None:
        """Somebody wants to know already; what there is is judged."""
        self._lasts_s = time.monotonic() - self._began

    def add(self, signs: Mapping[str, float]) -> None:
        """What the window says of itself, beside what the system says of every process."""
        found = {"at_s": time.monotonic() - self._began, **signs, "fds": 0.0, "threads": 0.0}
        for name, pid in self._processes.items():
            found |= {f"{name}_{kind}_mib": kib / 1024 for kind, kib in memory_kib(pid).items()}
            found[f"{name}_cpu_s"] = cpu_s(pid)
            found["fds"] += handles(pid)
            found["threads"] += threads(pid)
        window = self._processes["window"]
        found["window_kept_mib"] = found["window_own_mib"] - found["sqlite_mib"]
        found["ledger_connections"] = handles(window, ".db")
        self.samples.append(found)

    def line(self) -> str:
        """How it is now."""
        now = self.samples[-1]
        parts = [f"{now['at_s'] / 60:5.1f} min"]
        for name in self._processes:
            parts.append(f"{name} {now[f'{name}_own_mib']:.1f} MiB own, {now[f'{name}_rss_mib']:.1f} RSS")
        parts.append(f"{now['fds']:.0f} files, {now['threads']:.0f} threads, {now['widgets']:.0f} widgets")
        blocks, used, free = now["python_blocks"], now["heap_used_mib"], now["heap_free_mib"]
        parts.append(f"{blocks:,.0f} Python blocks, heap {used:.1f} MiB + {free:.1f} free")
        parts.append(f"late {now['late_median_ms']:g}/{now['late_p99_ms']:g}/{now['late_worst_ms']:g} ms")
        return " | ".join(parts)

    @property
    def long_enough(self) -> bool:
        """Whether what grows can be told from what warms up."""
        return self.took_s >= WARM_AFTER_S + SHORTEST_JUDGED_S

    @property
    def took_s(self) -> float:
        return self.samples[-1]["at_s"] if self.samples else 0.0

    def growth(self, name: str) -> float:
        """Of a sign, an hour, after the warm-up; of a shorter run, over its last half."""
        since_s = WARM_AFTER_S if self.long_enough else self.took_s / 2
        points = [(each["at_s"], each[name]) for each in self.samples if each["at_s"] >= since_s]
        return slope(floors(points, FLOOR_OF_S)) * 3600

    def count(self, counted: Counted) -> None:
        """What the customers did, so far."""
        self._counted = counted

    def judge(self, books: list[str]) -> None:
        """What the books say was wrong, and what the figures say."""
        self._promise("every event and every cent is where it belongs", not books, " ".join(books))
        taken = self._counted.taken_nonsense
        self._promise("wrong signatures are refused", not taken, f"{taken} were not.")
        half = len(self.samples) // 2
        first, last = self.samples[half // 2 : half] or self.samples, self.samples[half:]
        for name, allowed in COME_AND_GO.items():
            before, after = (max(each[name] for each in part) for part in (first, last))
            self._promise(
                f"{name} do not grow", after <= before + allowed, f"{name} grew from {before:.0f} to {after:.0f}."
            )
        nones = [lowest for _, lowest in floors([(each["at_s"], each[CANARY]) for each in last], FLOOR_OF_S)]
        fell = f"References to None fell from {nones[0]:.0f} to {min(nones):.0f}."
        self._promise("references to None do not fall", nones[0] - min(nones) <= FEWER_NONES, fell)
        now = self.samples[-1]
        most = MOST_SQLITE_MIB_EACH * now["ledger_connections"]
        sqlite = f"SQLite holds {now['sqlite_mib']:.1f} MiB for {now['ledger_connections']:.0f} connections."
        self._promise("SQLite keeps no more than its connections may", now["sqlite_mib"] <= most, sqlite)
        if self.long_enough:
            self._judge_slopes()

    def _judge_slopes(self) -> None:
        grown = self.growth(JUDGED)
        says = f"The console's own memory grows by {grown:.2f} MiB an hour."
        self._promise(
            f"own memory grows by less than {MOST_MIB_PER_HOUR:g} MiB an hour", grown < MOST_MIB_PER_HOUR, says
        )
        for name, allowed in MOST_PER_HOUR.items():
            grown = abs(self.growth(name)) if name == CANARY else self.growth(name)
            says = f"{name} changed by {self.growth(name):+,.1f} an hour."
            self._promise(f"{name} grow by less than {allowed:,g} an hour", grown < allowed, says)

    def _promise(self, what: str, held: bool, wrong: str) -> None:
        if held:
            self.held.append(what)
        else:
            self.wrongs.append(wrong)

    def report(self) -> list[str]:
        """The figures, what was held, then plainly what was missed."""
        if not self.samples:
            return ["No figures: the window said nothing.", *(f"MISSED: {wrong}" for wrong in self.wrongs)]
        first, last = self.samples[0], self.samples[-1]
        late = sorted(each["late_p99_ms"] for each in self.samples)
        lines = [f"{self.took_s / 60:.1f} minutes"]
        lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in asdict(self._counted).items()]
        lines += [f"  {words}" for words in self._words]
        kinds = [f"{each}_{kind}_mib" for each in self._processes for kind in ("own", "rss")]
        for name in (JUDGED, *kinds, "heap_used_mib", "heap_free_mib", "sqlite_mib"):
            grown = f"{self.growth(name):+.2f} MiB/h in the end"
            lines.append(f"  {name.removesuffix('_mib')}: {first[name]:.1f} to {last[name]:.1f} MiB, {grown}")
        for name in (*MOST_PER_HOUR, "python_blocks"):
            grown = f"{self.growth(name):+,.0f}/h in the end"
            lines.append(f"  {name.replace('_', ' ')}: {first[name]:,.0f} to {last[name]:,.0f}, {grown}")
        lines.append(f"  loop late, 99 %: median {late[len(late) // 2]:g} ms, worst {late[-1]:g} ms")
        for name in self._processes:
            share = (last[f"{name}_cpu_s"] - first[f"{name}_cpu_s"]) / (last["at_s"] - first["at_s"] or 1)
            lines.append(f"  {name}: {share:.0%} of a processor")
        lines += [f"held: {what}" for what in self.held]
        if not self.long_enough:
            minutes = (WARM_AFTER_S + SHORTEST_JUDGED_S) // 60
            lines.append(f"not judged: what grows an hour, since that takes {minutes} minutes")
        return [*lines, *(f"MISSED: {wrong}" for wrong in self.wrongs)]

    def note(self, words: str) -> None:
        """A further line of the report."""
        self._words.append(words)
