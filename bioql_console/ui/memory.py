"""What the window remembers from one start to the next: geometry, columns, sort, filters. Never data, never secrets."""

import json
from pathlib import Path
from typing import Any

FILE = "window.json"


class Memory:
    """A small JSON file. When it can't be read or written, the window starts with its defaults."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            found = {}
        self._values: dict[str, Any] = found if isinstance(found, dict) else {}

    def get(self, name: str, kind: type, default: Any) -> Any:
        """A value of the given type, or the default."""
        value = self._values.get(name)
        return value if isinstance(value, kind) else default

    def put(self, name: str, value: Any) -> None:
        self._values[name] = value

    def save(self) -> None:
        beside = self._path.with_name(FILE + ".new")
        try:
            beside.write_text(json.dumps(self._values), "utf-8")
            beside.chmod(0o600)
            beside.replace(self._path)
        except OSError:
            return  # the window's looks are not worth an error on the way out
