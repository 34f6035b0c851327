"""Who listens on a TCP port of this machine, as far as Linux tells."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LISTENING = "0A"


@dataclass(frozen=True, slots=True)
class PortHolder:
    """A process that listens.

    Args:
        command: Its words, as it was started.
    """

    pid: int
    name: str
    command: tuple[str, ...]


def holder_of(port: int) -> PortHolder | None:
    """The process on a port; None when there is none, when it belongs to somebody else, or on other systems."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
                return PortHolder(int(process.name), (process / "comm").read_text().strip(), tuple(words))
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
