"""The first rows of a million users: our table beside a model that reads everybody into a list."""

import time
from statistics import median
from typing import Any

from tests.bench.figures import Figure
from tests.bench.programs import data_dir, found_inside, home

ROUNDS = 5


def run() -> list[Figure]:
    with home({"QT_QPA_PLATFORM": "offscreen", "BIOQL_BENCH_LEDGER": str(data_dir() / "sandbox" / "bioql.db")}) as env:
        rounds = found_inside("tests.bench.table_first", env)
    ours, theirs = (median(side) for side in zip(*rounds, strict=True))
    return [Figure("", ours, theirs, 0.05, peer="a list of everybody")]


async def inside(session: Any) -> list[tuple[float, float]]:
    """Milliseconds of both, in turns."""
    found = [(await _ours_ms(session.window.workspace), await _theirs_ms()) for _ in range(ROUNDS + 1)]
    return found[1:]


async def _ours_ms(workspace: Any) -> float:
    from bioql_console.ui.viewmodels.users import UsersViewModel
    from bioql_console.ui.widgets.tables import DataTable
    from tests.bench.views import SIZE, Painted

    began_ns = time.monotonic_ns()
    model, table = UsersViewModel(workspace), DataTable("Users")
    table.show_table(model.rows.table)
    table.resize(*SIZE)
    painted = Painted(table, lambda: model.rows.table.rowCount() > 0)
    model.show()
    table.show()
    took_ms = (await painted.at_ns() - began_ns) / 1e6
    model.close()
    table.deleteLater()
    return took_ms


async def _theirs_ms() -> float:
    import os

    from tests.bench.views import ListModel, Painted, everybody, plain_view

    began_ns = time.monotonic_ns()
    model = ListModel(everybody(os.environ["BIOQL_BENCH_LEDGER"]))
    view = plain_view(model)
    painted = Painted(view, lambda: True)
    view.show()
    took_ms = (await painted.at_ns() - began_ns) / 1e6
    view.deleteLater()
    return took_ms
