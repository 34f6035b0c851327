"""The icon family: own line drawings, tinted with a token of the theme."""

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

SIZE = 16
SCALES = (1, 2, 3)


class Icons:
    """Draws icons from a folder of SVG files in which `currentColor` stands for the tint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def icon(self, name: str, tint: str, selected: str = "") -> QIcon:
        """An icon in one colour, and in another where it is selected."""
        made = QIcon()
        for scale in SCALES:
            made.addPixmap(self._pixmap(name, tint, scale), QIcon.Mode.Normal)
            made.addPixmap(self._pixmap(name, selected or tint, scale), QIcon.Mode.Selected)
        return made

    def _pixmap(self, name: str, tint: str, scale: int) -> QPixmap:
        from PySide6.QtSvg import QSvgRenderer  # loads a library; the first frame does without icons

        drawing = _source(self._folder / f"{name}.svg").replace("currentColor", QColor(tint).name())
        pixmap = QPixmap(SIZE * scale, SIZE * scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(0, 0, SIZE * scale, SIZE * scale))
        painter.end()
        pixmap.setDevicePixelRatio(scale)
        return pixmap


@cache
def _source(path: Path) -> str:
    return path.read_text("utf-8")
