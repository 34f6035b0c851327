"""A private PostgreSQL server on the loopback network, with passwords and a certificate of an authority of its own."""

import datetime
import os
import pwd
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bioql_console.domain.database_address import DatabaseAddress
from tests.databases import as_superuser, private_cluster

# Who may come in how. "barred" may not at all; everybody else needs a password.
HBA = """
local all all trust
host all barred 127.0.0.1/32 reject
host all tests 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
# The certificate is for this name and for no other, also not for 127.0.0.1.
NAME = "localhost"
CONNECTIONS = 24
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Network:
    """The server as its operators know it.

    Args:
        cluster: Its socket, for whoever runs it; see `tests.databases.private_cluster`.
        authority: The certificate of the authority that signed the server's.
    """

    cluster: str
    port: int
    authority: Path

    def address(self, database: str, user: str, *, host: str = NAME, tls: str = "require") -> DatabaseAddress:
        return DatabaseAddress(host, database, user, self.port, tls)

    def run(self, *statements: str) -> None:
        as_superuser(self.cluster.format("postgres"), *statements)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    port, authority = free_port(), folder / "authority.pem"

    def prepare(data: Path) -> Sequence[str]:
        authority.write_bytes(_certificates(data))
        (data / "pg_hba.conf").write_text(HBA)
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            for name in ("server.key", "server.crt", "pg_hba.conf"):
                os.chown(data / name, owner.pw_uid, owner.pw_gid)
        with (data / "postgresql.conf").open("a") as conf:
            conf.write("ssl = on\n")  # not an option of the program, which could not be changed while it runs
        settings = {"listen_addresses": "127.0.0.1", "max_connections": str(CONNECTIONS)}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    with private_cluster(port, prepare) as cluster:
        yield Network(cluster, port, authority)


def _certificates(data: Path) -> bytes:
    """Key and certificate of the server into its folder; the answer is the authority's certificate."""
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def signed(name: str, key: ec.EllipticCurvePrivateKey, more: x509.ExtensionType) -> x509.Certificate:
        built = x509.CertificateBuilder(named("authority"), named(name), key.public_key(), x509.random_serial_number())
        built = built.not_valid_before(began).not_valid_after(began + datetime.timedelta(days=30))
        return built.add_extension(more, critical=False).sign(authority, hashes.SHA256())

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (data / "server.key").write_bytes(private)
    (data / "server.key").chmod(0o600)
    server = signed(NAME, key, x509.SubjectAlternativeName([x509.DNSName(NAME)]))
    (data / "server.crt").write_bytes(server.public_bytes(pem))
    own = signed("authority", authority, x509.BasicConstraints(ca=True, path_length=None))
    return own.public_bytes(pem)


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes connections and never says a word, like a firewall that swallows everything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@contextmanager
def older_server(port: int) -> Iterator[int]:
    """The real server, but on the way its version is changed to one that nobody maintains any more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def relay() -> None:
            came, _ = listening.accept()
            with came, socket.create_connection(("127.0.0.1", port)) as server:
                _pump(came, server)

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(5)


def _pump(came: socket.socket, server: socket.socket) -> None:
    def upwards() -> None:
        while data := came.recv(65_536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    while data := server.recv(65_536):
        came.sendall(_aged(data))


def _aged(data: bytes) -> bytes:
    """The same message with another version; it says its own length, so that is changed too."""
    at = data.find(b"server_version\x00")
    if at < 0:
        return data
    end = data.index(b"\x00", at + 15)
    content = b"server_version\x0012.7\x00"
    return data[: at - 4] + struct.pack("!i", len(content) + 4) + content + data[end + 1 :]
