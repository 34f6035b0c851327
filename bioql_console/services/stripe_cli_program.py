"""Stripe's own command line on this computer: where it is, and how a session of it is started."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bioql_console.domain.errors import OperatorError
from bioql_console.services import parent_death

INSTALL = {
    "linux": "npm install --global @stripe/cli",
    "darwin": "brew install stripe/stripe-cli/stripe",
    "win32": "scoop install stripe",
}
VERSION_S = 10.0
SOURCE_HEADER = "BioQL-Source"
# What of our environment the program may need; nothing else reaches it, least of all the keys in it.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class CliProgram:
    """The program and its version, e.g. "1.52.0"."""

    path: Path
    version: str


def install_command() -> str:
    """How it is installed on this system."""
    return INSTALL.get(sys.platform, INSTALL["linux"])


def find(configured: str, folder: Path) -> CliProgram | None:
    """The configured program, else the one on PATH; None when there is none.

    Args:
        folder: The home it is given.

    Raises:
        OperatorError: `cli.unusable` when it does not start, or is another program of that name.
    """
    found = configured or shutil.which("stripe")
    if not found or not Path(found).is_file():
        return None
    path = _native(Path(found).resolve())
    return CliProgram(path, _version(path, folder))


def _native(path: Path) -> Path:
    """npm puts a script before the program, which would outlive it; the program itself lies beside it."""
    if path.suffix != ".js":
        return path
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform, "win32")
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x64"
    package = path.parents[1]
    name = f"cli-{system}-{machine}/bin/stripe"
    places = (package.parent / name, package / "node_modules/@stripe" / name, package / "vendor/bin/stripe")
    return next((place for place in places if place.is_file()), path)


def _version(path: Path, folder: Path) -> str:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        done = subprocess.run(
            [str(path), "--version"],
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unusable(path) from error
    said = re.search(rb"stripe version (\d+(?:\.\d+)*)", done.stdout)
    if said is None:
        raise _unusable(path)
    return said[1].decode()


def _unusable(path: Path) -> OperatorError:
    return OperatorError(
        f"{path} is not Stripe's command line, or it does not start.",
        fix=f"Choose another program, or install it: {install_command()}",
        code="cli.unusable",
    )


def listen_command(program: CliProgram, address: str, kinds: Sequence[str], stripe_base: str | None) -> list[str]:
    """Words that start a session which forwards events to a listener. No secret is among them.

    Args:
        stripe_base: The sandbox's address; None for Stripe.
    """
    words = [str(program.path), "listen", "--forward-to", address, "--events", ",".join(kinds), "--skip-update"]
    words += [
        "--log-level",
        "debug",
        "--color",
        "off",
        "--device-name",
        "BioQL console",
        "--headers",
        f"{SOURCE_HEADER}: cli",
    ]
    if stripe_base is not None:
        words += ["--api-base", stripe_base, "--no-wss"]
    if not sys.platform.startswith("linux"):
        return words
    return [sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid()), *words]


def listen_environment(folder: Path, key: str, stripe_base: str | None) -> dict[str, str]:
    """The child's whole environment. Its home is its own: the operator's login is neither used nor changed."""
    proxies = _inherited(PROXIES) if stripe_base is None else {}
    return {**_environment(folder), **proxies, "STRIPE_API_KEY": key}


def _environment(folder: Path) -> dict[str, str]:
    private = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "USERPROFILE": str(folder)}
    quiet = {"STRIPE_CLI_TELEMETRY_OPTOUT": "1", "DO_NOT_TRACK": "1", "STRIPE_NO_AUTO_UPDATE": "1"}
    return {**_inherited(INHERITED), **private, **quiet}


def _inherited(names: Sequence[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}
