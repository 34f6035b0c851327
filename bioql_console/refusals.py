"""What a command answers with `--json` when it is refused."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bioql_console.domain.errors import OperatorError


@contextmanager
def told_as_json(as_json: bool) -> Iterator[None]:
    """A refusal is one JSON object on standard output too, where that was asked for; it goes on being raised."""
    try:
        yield
    except OperatorError as error:
        if as_json:
            sys.stdout.write(json.dumps({"ok": False, "error": refusal(error)}, ensure_ascii=False) + "\n")
        raise


def refusal(error: OperatorError) -> dict[str, str]:
    """The error for other programs."""
    return {"code": error.code, "what": error.what, "fix": error.fix}
