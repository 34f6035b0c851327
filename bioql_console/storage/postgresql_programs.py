"""PostgreSQL's own programs pg_dump, pg_restore and psql: found, started with a scrubbed environment, and explained."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bioql_console.domain.backups import stopped
from bioql_console.domain.errors import OperatorError

if TYPE_CHECKING:
    from psycopg import Connection

DEBIAN = Path("/usr/lib/postgresql")
LOOK_EVERY_S = 0.1
# What libpq and the programs read; nothing else is theirs to know.
PASSED_ON = re.compile(r"PG\w+|HOME|USER|LOGNAME|PATH|LANG|LC_\w+|TZ|TMPDIR|SYSTEMROOT")
SAID = 400
# Our own libpq may be newer than theirs and know parameters that they refuse.
UNDERSTOOD = re.compile(
    "host|hostaddr|port|dbname|user|connect_timeout|options|channel_binding|target_session_attrs|krbsrvname"
    "|sslmode|sslrootcert|sslcert|sslkey|sslcrl|gssencmode"
)


@dataclass(frozen=True, slots=True)
class Programs:
    """One version of them, and how to reach a database with them.

    Args:
        conninfo: libpq's words for the database, without a password.
    """

    folder: Path
    conninfo: str
    password: str = field(repr=False)

    @contextmanager
    def running(self, name: str, *arguments: str, **more: Any) -> Iterator["Running"]:
        """A program under way; killed when the block ends before it does."""
        env = {key: value for key, value in os.environ.items() if PASSED_ON.fullmatch(key)} | {"LC_MESSAGES": "C"}
        if self.password:
            # Not among the arguments, which everybody on this machine can read.
            env["PGPASSWORD"] = self.password
        with tempfile.TemporaryFile() as said:
            command = [str(self.folder / name), *arguments]
            process = subprocess.Popen(command, env=env, stderr=said, **{"stdin": subprocess.DEVNULL, **more})
            try:
                yield Running(name, process, said)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()

    def run(self, name: str, *arguments: str, cancelled: Callable[[], bool] = lambda: False) -> str:
        """What a program wrote. Raises OperatorError `backup.program_failed`, `backup.no_space`, `backup.stopped`."""
        with tempfile.TemporaryFile() as out, self.running(name, *arguments, stdout=out) as running:
            running.finish(cancelled)
            out.seek(0)
            return out.read().decode("utf-8", "replace")


@dataclass(slots=True)
class Running:
    """A program and what it says on its way."""

    name: str
    process: "subprocess.Popen[bytes]"
    _said: IO[bytes]

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace")

    def finish(
        self, cancelled: Callable[[], bool] = lambda: False, look: Callable[[str], None] = lambda _said: None
    ) -> None:
        """Wait for its end.

        Args:
            look: Called at once, and again and again, with everything it said so far.

        Raises:
            OperatorError: `backup.program_failed`, `backup.no_space`, `backup.stopped`.
        """
        while True:
            look(self.said())
            if cancelled():
                raise stopped(f"work of {self.name}")
            try:
                self.process.wait(LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                continue
        if self.process.returncode != 0:
            raise failed(self.name, self.said())


def failed(name: str, said: str) -> OperatorError:
    """Why a program failed, in its own words."""
    lines = [line for line in said.splitlines() if "error:" in line.lower() or "ERROR" in line] or said.splitlines()
    words = re.sub(rf"^{name}: (error: )?", "", lines[0] if lines else "it gave no reason")[:SAID].rstrip(".")
    if "No space left" in said:
        return OperatorError(
            f"There is no space for what {name} writes; nothing was changed.",
            fix="Free some space, or name another folder, then retry.",
            code="backup.no_space",
        )
    return OperatorError(
        f"{name} failed, nothing was changed: {words}.",
        fix="Mend what it says, then retry.",
        code="backup.program_failed",
    )


def programs_for(connection: "Connection[Any]") -> Programs:
    """Programs that suit the server of a connection, and reach it as the connection does.

    Raises:
        OperatorError: `backup.no_program`, `backup.old_program`.
    """
    info = connection.info
    wanted = info.server_version // 10_000
    found = installed()
    suiting = [version for version in found if version >= wanted]
    package = f"postgresql-client-{wanted}"
    if not found:
        raise OperatorError(
            "PostgreSQL's programs pg_dump, pg_restore and psql are not on this machine.",
            fix=f"Install them (Debian package {package}), or let the database's operators see to backups.",
            code="backup.no_program",
        )
    if not suiting:
        raise OperatorError(
            f"The database is PostgreSQL {wanted}, but pg_dump here is of version {max(found)} and can't read it.",
            fix=f"Install pg_dump {wanted} or newer (Debian package {package}).",
            code="backup.old_program",
        )
    parameters = {key: value for key, value in info.get_parameters().items() if UNDERSTOOD.fullmatch(key)}
    from psycopg.conninfo import make_conninfo  # a ledger in a file needs none of the driver

    return Programs(found[min(suiting)], make_conninfo(**parameters), info.password)


def installed() -> dict[int, Path]:
    """Folders that hold the programs, by their version: where Debian keeps several, or on PATH."""
    on_path = shutil.which("pg_dump")
    # Debian's on PATH are only a door to these.
    folders = [*sorted(DEBIAN.glob("*/bin")), *([Path(on_path).parent] if on_path else [])]
    found: dict[int, Path] = {}
    for folder in folders:
        if all((folder / name).exists() for name in ("pg_dump", "pg_restore", "psql")):
            version = _version(folder / "pg_dump")
            if version is not None:
                found.setdefault(version, folder)
    return found


def _version(program: Path) -> int | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else None
