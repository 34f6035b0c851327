"""Where icons, themes and pages are."""

from pathlib import Path

# Beside the package in a checkout, inside it once installed from a wheel.
_BESIDE = Path(__file__).parent.parent / "resources"
_INSIDE = Path(__file__).parent / "resources"


def resource(name: str) -> Path:
    """Path of a shipped file, e.g. "web/dashboard.html"."""
    return (_BESIDE if _BESIDE.is_dir() else _INSIDE) / name
