"""What the window remembers, and that a broken memory is no reason not to start."""

from pathlib import Path

import pytest

from bioql_console.ui.memory import FILE, Memory


def test_values_come_back(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.put("users/sort", "owed")
    memory.save()
    assert Memory(tmp_path).get("users/sort", str, "name") == "owed"
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"users/sort": 5}'])
def test_broken_memory_means_defaults(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert Memory(tmp_path).get("users/sort", str, "name") == "name"


def test_unwritable_folder_is_no_error(tmp_path: Path) -> None:
    Memory(tmp_path / "gone").save()
