"""One process of a team, as whoever started it sees it."""

import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.soak.around_operators.process import Orders


class Member:
    """One process, started again whenever it was killed."""

    def __init__(self, orders: Orders, folder: Path) -> None:
        self.orders, self._file = orders, folder / f"{orders.name}.json"
        self._errors = (folder / f"{orders.name}.stderr").open("a+")
        orders.write(self._file)
        self.said = Counter[str]()
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.around_operators.process", str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said[line.strip()] += 1

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def end(self) -> None:
        """End in good order."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._gone()

    def _gone(self) -> None:
        self.process.wait()
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

    def complaints(self) -> str:
        """What it wrote of mistakes of its own."""
        self._errors.seek(0)
        text = self._errors.read()
        self._errors.close()
        return text
