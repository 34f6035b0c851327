"""Tables as CSV files that no spreadsheet takes for formulae."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bioql_console.domain.errors import OperatorError

# A cell that begins with one of these is run by spreadsheets; the last four are the full-width forms of the first.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> int:
    """Write a table; the answer is the number of rows. The old file stays whole until the new one is.

    Raises:
        OperatorError: `export.unwritable`.
    """
    beside = path.with_name(path.name + ".part")
    written = 0
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for row in rows:
                writer.writerow([safe_cell(cell) for cell in row])
                written += 1
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OperatorError(
            f"{path.name} can't be written: {error.strerror}.",
            fix="Choose another folder, or free some space.",
            code="export.unwritable",
        ) from error
    return written


def safe_cell(cell: str | int) -> str | int:
    """Text that a spreadsheet would run gets an apostrophe before it; amounts and numbers stay as they are."""
    if isinstance(cell, int) or not cell.startswith(DANGEROUS) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(cell: str) -> bool:
    digits = cell[1:].replace(".", "", 1)
    return cell[:1] in "+-" and digits.isascii() and digits.isdigit()
