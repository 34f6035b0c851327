"""Backups of the open ledger: made while everything goes on, listed, and the old ones that nobody asked for removed."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bioql_console.domain.backups import Backup, Made, Progress, Reason, beyond, read_name
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.rights import Role
from bioql_console.services.changes import Change, Changes
from bioql_console.services.ports import Store

log = logging.getLogger(__name__)


class BackedUp(Store, Protocol):
    """A ledger that can be copied."""

    def back_up(
        self,
        target: Path,
        *,
        reason: Reason = ...,
        verify: bool = ...,
        progress: Progress = ...,
        cancelled: Callable[[], bool] = ...,
    ) -> Made:
        """Raises OperatorError `db.backup_failed`, `backup.*`."""
        ...


def _silent(_done: int, _total: int, _words: str) -> None:
    pass


def _never() -> bool:
    return False


class Backups:
    """Every call blocks.

    Args:
        folder: Where they are, or, for one that is asked for by name, the file.
    """

    def __init__(self, store: BackedUp, folder: Path, changes: Changes) -> None:
        self._store, self.folder, self._changes = store, folder, changes

    def listed(self) -> list[Backup]:
        """What is in the folder, newest first, whichever environment it is of.

        Raises:
            OperatorError: `backup.folder_unreadable`.
        """
        try:
            found = [read_name(path) for path in self.folder.iterdir()] if self.folder.exists() else []
            sized = [_sized(each) for each in found if each is not None]
        except OSError as error:
            raise OperatorError(
                f"The folder of backups can't be read: {error.strerror}.",
                fix=f"Check the owner of {self.folder}, and that its disk is there.",
                code="backup.folder_unreadable",
            ) from error
        return sorted((each for each in sized if each is not None), key=lambda each: each.made_ms, reverse=True)

    def back_up(self, operator: str, *, progress: Progress = _silent, cancelled: Callable[[], bool] = _never) -> Made:
        """By hand: the books in it are recomputed, and the trail tells of it where one may write there.

        Raises:
            OperatorError: `db.*`, `backup.*`.
        """
        made = self._store.back_up(self.folder, verify=True, progress=progress, cancelled=cancelled)
        if self._store.rights.may(Role.OPERATOR):
            with self._store.write() as work:
                work.activity.record(operator, "made a backup", made.backup.path.name)
                work.commit()
        self._changes.publish(Change("activity"))
        return made

    def before_import(self) -> Path:
        """Raises OperatorError `db.*`, `backup.*`."""
        return self._store.back_up(self.folder, reason=Reason.IMPORT).backup.path

    def tidy(self) -> list[str]:
        """Remove the old ones among those that were made by themselves, and say so in log and trail.

        Returns:
            The names of what was removed. What can't be removed now is tried again next time.
        """
        removed = []
        try:
            for backup in beyond(self.listed()):
                backup.path.unlink(missing_ok=True)
                removed.append(backup.path.name)
        except (OperatorError, OSError) as error:
            log.warning("Old backups can't be removed: %s", error)
        if removed:
            log.info("Removed old backups, which newer ones follow: %s", ", ".join(removed))
            self._tell(removed)
        return removed

    def _tell(self, removed: list[str]) -> None:
        try:
            with self._store.write() as work:
                for name in removed:
                    work.activity.record("system", "removed an old backup", name)
                work.commit()
        except OperatorError as error:
            log.warning("The trail does not tell of it: %s", error)


def _sized(backup: Backup) -> Backup | None:
    """None when it has gone in the meantime."""
    try:
        return replace(backup, size_bytes=backup.path.stat().st_size)
    except FileNotFoundError:
        return None
