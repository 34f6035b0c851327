"""A private PostgreSQL cluster for tests, on a Unix socket of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from tests.waiting import wait_until

PORT = 5432


def postgres_programs() -> Path | None:
    """The newest installed PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).parent if on_path else None


def postgres_missing() -> str | None:
    """Why there can be no cluster here, or None."""
    if postgres_programs() is None:
        return "PostgreSQL is not installed (Debian package postgresql)"
    if os.getuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return "PostgreSQL refuses to run as root, and there is no user postgres"
    return None


Prepare = Callable[[Path], Sequence[str]]


def _nothing_more(_data: Path) -> Sequence[str]:
    return ()


class Cluster:
    """A running server, and what can happen to it.

    Args:
        url: An SQLAlchemy URL without a database name, to be finished with `fresh_database`.
    """

    def __init__(self, folder: Path, port: int, start: Callable[[], "subprocess.Popen[bytes]"]) -> None:
        self.url = f"postgresql+psycopg://tests@/{{}}?host={folder}{'' if port == PORT else f'&port={port}'}"
        self._port = port
        self._folder, self._start = folder, start
        self._server = start()
        self._wait_until_it_answers()

    def crash(self) -> None:
        """What `pg_ctl -m immediate restart` does: no goodbye, and recovery from the log at the next start."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(20)
        self._server = self._start()
        self._wait_until_it_answers()

    def freeze(self) -> None:
        """As in a virtual machine that is paused: it breaks no connection, and answers none."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        self.thaw()
        # At once: a connection that a failed test left open would hold it up.
        self._server.send_signal(signal.SIGINT)
        self._server.wait(20)

    def _pids(self) -> list[int]:
        """The server's, then those of its connections and helpers."""
        parent = self._server.pid
        return [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]

    def _wait_until_it_answers(self) -> None:
        wait_until(
            lambda: (self._folder / f".s.PGSQL.{self._port}").exists() and _answers(self._folder, self._port), 20
        )


@contextmanager
def private_cluster(port: int = PORT, prepare: Prepare = _nothing_more) -> Iterator[str]:
    """Start a cluster; yields an SQLAlchemy URL without a database name, to be finished with `fresh_database`.

    Args:
        prepare: Given the data folder before the server starts; answers further options of the server.
    """
    with own_cluster(port, prepare) as cluster:
        yield cluster.url


@contextmanager
def own_cluster(port: int = PORT, prepare: Prepare = _nothing_more) -> Iterator[Cluster]:
    """Start a cluster."""
    programs = postgres_programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        data = folder / "data"
        owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)

        def command(*words: str) -> Sequence[str]:
            return (
                ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", *words]
                if owner
                else words
            )

        make = command(
            str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "tests", "--no-sync", "-E", "UTF8"
        )
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        place = ("-F", "-p", str(port), "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}")
        words = command(str(programs / "postgres"), "-D", str(data), *place, *prepare(data))

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)

        cluster = Cluster(folder, port, start)
        try:
            yield cluster
        finally:
            cluster.end()


def _answers(folder: Path, port: int) -> bool:
    import psycopg

    try:
        psycopg.connect(f"host={folder} port={port} user=tests dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def fresh_database(cluster: str, owner: str = "tests") -> str:
    """The URL of a new, empty database."""
    name = f"t{uuid.uuid4().hex[:12]}"
    as_superuser(cluster.format("postgres"), f'CREATE DATABASE "{name}" OWNER {owner}')
    return as_user(cluster.format(name), owner)


@contextmanager
def tablespace(cluster: str, folder: Path) -> Iterator[str]:
    """The URL of a new, empty database whose files are below an empty folder."""
    place = folder / "tables"
    place.mkdir()
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        folder.chmod(0o755)
        os.chown(place, owner.pw_uid, owner.pw_gid)
    name = f"space{uuid.uuid4().hex[:12]}"
    server = cluster.format("postgres")
    as_superuser(server, f"CREATE TABLESPACE {name} LOCATION '{place}'")
    as_superuser(server, f"CREATE DATABASE {name} TABLESPACE {name}")
    try:
        yield as_user(cluster.format(name), "tests")
    finally:
        drop_database(cluster.format(name))
        as_superuser(server, f"DROP TABLESPACE {name}")


def copied(template: str) -> str:
    """The URL of a copy of a database to which nobody is connected."""
    address = make_url(template)
    name = f"copy{uuid.uuid4().hex[:12]}"
    server = address.set(database="postgres").render_as_string(hide_password=False)
    as_superuser(server, f'CREATE DATABASE "{name}" TEMPLATE "{address.database}"{_by_files(server)}')
    return address.set(database=name).render_as_string(hide_password=False)


@cache
def _by_files(server: str) -> str:
    """From version 15 on each page would be written to the log as well, which takes twice as long."""
    import psycopg

    with psycopg.connect(libpq_words(server)) as connection:
        return " STRATEGY FILE_COPY" if connection.info.server_version >= 150_000 else ""


def as_user(url: str, user: str) -> str:
    """The same database for another user."""
    return make_url(url).set(username=user).render_as_string(hide_password=False)


def libpq_words(url: str) -> str:
    """Where libpq finds it, as whoever runs the server."""
    address = make_url(url)
    port = address.query.get("port", PORT)
    return f"host={address.query['host']!s} port={port!s} user=tests dbname={address.database}"


def as_superuser(url: str, *statements: str) -> None:
    """Do what whoever runs the server does, in this database."""
    import psycopg

    with psycopg.connect(libpq_words(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def a_user_of(url: str, role: str = "", attributes: str = "") -> str:
    """The same database for a new user of the server, who belongs to a role."""
    name = f"u{uuid.uuid4().hex[:12]}"
    as_superuser(url, f"CREATE ROLE {name} LOGIN {attributes}{f' IN ROLE {role}' if role else ''}")
    return as_user(url, name)


def drop_database(url: str) -> None:
    """Away with it, so that taking the cluster down has little to remove."""
    address = make_url(url)
    server = address.set(database="postgres").render_as_string(hide_password=False)
    as_superuser(server, f'DROP DATABASE "{address.database}" WITH (FORCE)')
