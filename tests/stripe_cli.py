"""Where the official Stripe CLI is that the tests use."""

import platform
from pathlib import Path

from tests.sources import ROOT

MODULES = ROOT / "tests/peers/node_modules/@stripe"


def stripe_cli() -> Path | None:
    """The program itself; None when it is not installed."""
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x64"
    path = MODULES / f"cli-linux-{machine}/bin/stripe"
    return path if path.is_file() else None


def stripe_cli_missing() -> str:
    """Why it can't be used; empty when it can."""
    return "" if stripe_cli() else "The official Stripe CLI is not installed; `scripts/setup dev` does it where npm is."
