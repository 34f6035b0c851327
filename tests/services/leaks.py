"""Looking for a secret where it must not be."""

from pathlib import Path


def files_with(secret: str, *folders: Path) -> list[Path]:
    """Every file below the folders that holds the secret in plain text, as UTF-8 or UTF-16."""
    forms = (secret.encode(), secret.encode("utf-16-le"))
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]
