"""When a program's window comes to a screen: a listener that speaks as much of X11 as that takes."""

import select
import socket
import struct
import time
from types import TracebackType

CHANGE_WINDOW_ATTRIBUTES, GET_GEOMETRY = 2, 14
EVENT_MASK, SUBSTRUCTURE_NOTIFY = 1 << 11, 1 << 19
REPLY, MAP_NOTIFY = 1, 19


class Screen:
    """Hears of windows that appear on a display such as ":7", which asks for no password."""

    def __init__(self, display: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(f"/tmp/.X11-unix/X{display.removeprefix(':')}")
        self._socket.sendall(struct.pack("<cxHHHHxx", b"l", 11, 0, 0, 0))
        status, length = struct.unpack("<B5xH", self._read(8))
        told = self._read(4 * length)
        if status != 1:
            raise ConnectionError(f"the screen {display} refuses: {told!r}")
        vendor, formats = struct.unpack_from("<H2xxB", told, 16)
        (root,) = struct.unpack_from("<I", told, 32 + (vendor + 3) // 4 * 4 + 8 * formats)
        asked = struct.pack("<BxHIII", CHANGE_WINDOW_ATTRIBUTES, 4, root, EVENT_MASK, SUBSTRUCTURE_NOTIFY)
        self._socket.sendall(asked)

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def forget(self) -> None:
        """Windows that came by now are not waited for."""
        while select.select([self._socket], [], [], 0)[0]:
            self._read(32)

    def window_ns(self, within_s: float, width: int = 150, height: int = 100) -> int:
        """The monotonic time at which the next window of at least this size was mapped.

        Raises:
            TimeoutError: there was none.
        """
        deadline = time.monotonic() + within_s
        seen: dict[int, int] = {}
        asked: list[int] = []
        while select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            message = self._read(32)
            if message[0] & 0x7F == MAP_NOTIFY:
                (window,) = struct.unpack_from("<I", message, 8)
                seen[window] = time.monotonic_ns()
                self._socket.sendall(struct.pack("<BxHI", GET_GEOMETRY, 2, window))
                asked.append(window)
            elif message[0] == REPLY:
                window, size = asked.pop(0), struct.unpack_from("<HH", message, 16)
                if size[0] >= width and size[1] >= height:
                    return seen[window]
            elif message[0] == 0 and message[10] == GET_GEOMETRY:
                asked.pop(0)  # it is gone already
        raise TimeoutError("no window came")

    def _read(self, length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = self._socket.recv(length - len(parts))
            if not part:
                raise ConnectionError("the screen went away")
            parts += part
        return parts
