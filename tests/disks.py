"""Disks of our own that fill up, or can't be written any more."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def disk_missing() -> str | None:
    """Why no disk can be mounted here, or None."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        return "only root can mount a disk of its own"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"], check=False, capture_output=True
    )
    return "this system lets nobody mount a disk" if tried.returncode else None


class SmallDisk:
    """A mounted disk.

    Args:
        folder: Where it is; everything in it is gone when it is unmounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave not one byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                while _written(file, size):
                    pass

    def make_room(self) -> None:
        self._ballast.unlink()

    def write_protect(self) -> None:
        """As a system does when a disk begins to fail. Whoever has a file open keeps it from that: close them."""
        self._remount("ro")

    def unprotect(self) -> None:
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


def _written(file: IO[bytes], size: int) -> bool:
    try:
        return file.write(bytes(size)) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A disk of this size at an empty folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "none", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
