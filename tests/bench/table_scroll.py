"""Scrolling a million users: a frame of the wheel beside a model whose cells are one word; jumps among what is read.

A frame is what happens from a turn of the wheel to the end of the repaint and of one turn of the loop, in which pages
that were read arrive.
"""

import asyncio
import random
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

from tests.bench.figures import Figure
from tests.bench.programs import found_inside, home

ROUNDS, FRAMES, JUMPS, ROWS_A_TURN = 5, 120, 60, 3
MOST_MS = 16.0


def run() -> list[Figure]:
    with home({"QT_QPA_PLATFORM": "offscreen"}) as env:
        rounds = found_inside("tests.bench.table_scroll", env)
    ours, theirs, jump, their_jump = (median(side) for side in zip(*rounds, strict=True))
    floor = (
        f"the constant model takes {their_jump:.1f} ms for the same jump here: 29 rows of 6 cells, each asked for "
        "seven things in Python."
    )
    return [
        Figure("wheel, p99", ours, theirs, 1.2, peer="a constant model"),
        Figure("jump, p99", jump, MOST_MS, 1.0, peer="limit", floor=floor),
    ]


async def inside(session: Any) -> list[list[float]]:
    """In each round: p99 of our frames, of the constant model's, of our jumps and of its, in ms."""
    from bioql_console.ui.viewmodels.users import UsersViewModel
    from bioql_console.ui.widgets.tables import DataTable
    from tests.bench.views import SIZE, ConstantModel, Painted, plain_view

    model, ours = UsersViewModel(session.window.workspace), DataTable("Users")
    ours.show_table(model.rows.table)
    ours.resize(*SIZE)
    painted = Painted(ours, lambda: model.rows.table.rowCount() > 0)
    model.show()
    ours.show()
    await painted.at_ns()
    theirs = plain_view(ConstantModel([()] * 1_000_000))
    theirs.show()
    await asyncio.sleep(0.2)
    found = []
    for _ in range(ROUNDS + 1):
        for bar in (ours.verticalScrollBar(), theirs.verticalScrollBar()):
            bar.setValue(0)
        await asyncio.sleep(0.05)
        wheel = [await _p99_ms(view, FRAMES, _turn(view)) for view in (ours, theirs)]
        found.append(wheel + [await _p99_ms(view, JUMPS, _jump(view)) for view in (ours, theirs)])
    return found[1:]


async def _p99_ms(view: Any, frames: int, move: Callable[[], None]) -> float:
    from PySide6.QtCore import QEvent
    from PySide6.QtWidgets import QApplication

    took = []
    for _ in range(frames):
        began_ns = time.monotonic_ns()
        move()
        QApplication.sendPostedEvents(view, QEvent.Type.UpdateRequest.value)  # what is to be painted is painted now
        await asyncio.sleep(0)
        took.append((time.monotonic_ns() - began_ns) / 1e6)
    return quantiles(took, n=100)[-1]


def _turn(view: Any) -> Callable[[], None]:
    bar, step = view.verticalScrollBar(), ROWS_A_TURN * view.rowHeight(0)
    return lambda: bar.setValue(bar.value() + step)


def _jump(view: Any) -> Callable[[], None]:
    bar, chance = view.verticalScrollBar(), random.Random(1)
    return lambda: bar.setValue(chance.randrange(bar.maximum()))
