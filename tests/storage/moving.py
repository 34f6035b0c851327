"""Ledgers to move, and what a move is asked for."""

import random
from pathlib import Path

import pytest
from sqlalchemy import insert

from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.ledger import payment_fact
from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.stripe_account import LedgerAccount
from bioql_console.moving import MoveOptions, run_move
from bioql_console.storage.database import Database
from bioql_console.storage.tables import metadata
from tests.storage.people import NOW, person
from tests.storage.test_backup import busy_ledger
from tests.storage.test_restore import url_of

TEST = Environment.TEST
AWKWARD = "Zoë \\N\t\\.\n'; DROP TABLE users; -- 🧬‮"
LARGEST = 2**63 - 1


def filled(database: Database, users: int = 20) -> None:
    """A ledger with something awkward in it, and usage on its way to Stripe."""
    busy_ledger(database, users)
    with database.write() as work:
        work.users.add(person(AWKWARD))
        work.accounts.set(TEST, LedgerAccount("acct_ours", AWKWARD, NOW))
        work.outbox.add(MessageKind.METER_EVENT, "r", user_id=1, stripe_customer_id="cus_1", value=5, occurred_ms=NOW)
        work.ledger.post(payment_fact("pi_1", 1, 3, NOW, AWKWARD))
        work.activity.record("ada", "looked", "at everything")
        work.commit()
    database.close()


def some_of_everything(database: Database) -> None:
    """Rows in each table that has none yet, with values at the edges of what a column holds."""
    choose = random.Random(1)
    engine = database._engine
    with engine.connect().execution_options(bioql_write=True) as connection:
        for table in metadata.sorted_tables:
            if table.name == "moves" or connection.execute(table.select().limit(1)).first() is not None:
                continue
            if table.name == "ledger_environment":
                connection.execute(insert(table).values(id=1, environment=TEST.value, since_ms=NOW))
                continue
            for number in (1, 2):
                values = {}
                for column in table.columns:
                    kind = column.type.python_type
                    if column.foreign_keys or column.name == "lifted_ms":
                        values[column.name] = number
                    elif column.nullable and choose.random() < 0.3:
                        values[column.name] = None
                    elif column.name == "cost_micros":
                        values[column.name] = 0  # else the books would miss its posting
                    elif kind is int:
                        values[column.name] = number if column.primary_key else choose.choice((0, 1, 2**31 - 1))
                    elif kind is bool:
                        values[column.name] = number == 1
                    else:
                        word = f"{AWKWARD}{number}"[-10:]
                        values[column.name] = bytes(range(256)) if kind is bytes else word
                connection.execute(insert(table).values(**values))
        connection.commit()


def asked(source: Database, target: str, data_dir: Path) -> MoveOptions:
    return MoveOptions(target, data_dir, url_of(source), TEST)


def refused(options: MoveOptions) -> OperatorError:
    with pytest.raises(OperatorError) as error:
        run_move(options)
    assert error.value.fix
    return error.value


def opened(url: str) -> Database:
    database = Database(url, lambda: NOW)
    database.open(None)
    return database
