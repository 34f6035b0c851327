"""A private PostgreSQL cluster for tests, on a Unix socket of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until


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


@contextmanager
def private_cluster() -> Iterator[str]:
    """Start a cluster; yields an SQLAlchemy URL without a database name, to be finished with `fresh_database`."""
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
        options = ("-F", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}")
        server = subprocess.Popen(
            command(str(programs / "postgres"), "-D", str(data), *options),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
        )
        try:
            wait_until(lambda: (folder / ".s.PGSQL.5432").exists() and _answers(folder), 20)
            yield f"postgresql+psycopg://tests@/{{}}?host={folder}"
        finally:
            server.terminate()
            server.wait(20)


def _answers(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(f"host={folder} user=tests dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def fresh_database(cluster: str) -> str:
    """The URL of a new, empty database."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    folder = cluster.rpartition("host=")[2]
    with psycopg.connect(f"host={folder} user=tests dbname=postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return cluster.format(name)


def drop_database(url: str) -> None:
    """Away with it, so that taking the cluster down has little to remove."""
    import psycopg
    from sqlalchemy import make_url

    address = make_url(url)
    place = f"host={address.query['host']!s} user={address.username} dbname=postgres"
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{address.database}" WITH (FORCE)')
