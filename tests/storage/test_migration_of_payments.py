"""Refunds, disputes and links of a ledger from before they had rows of their own."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from bioql_console.domain.checkout import CheckoutState
from bioql_console.domain.refunds import MoneyBackKind
from bioql_console.storage import migrate
from bioql_console.storage.database import Database, sqlite_url
from tests.storage.people import NOW
from tests.storage.raw import raw
from tests.storage.test_migrations import old_ledger

BEFORE = f"""
    INSERT INTO journal_entries (id, kind, source_type, source_id, effective_ms, recorded_ms, operator, memo, currency)
    VALUES (10, 'refund', 'charge', 'pi_1:500', {NOW}, {NOW}, 'system', 'Refund', 'usd'),
           (11, 'refund', 'charge', 'pi_1:1500', {NOW}, {NOW}, 'system', 'Refund', 'usd'),
           (12, 'dispute_hold', 'dispute', 'du_open', {NOW}, {NOW}, 'system', 'Dispute of pi_2', 'usd'),
           (13, 'dispute_hold', 'dispute', 'du_lost', {NOW}, {NOW}, 'system', 'Dispute of pi_3', 'usd'),
           (14, 'dispute_release', 'dispute', 'du_lost', {NOW}, {NOW}, 'system', 'Dispute of pi_3 lost', 'usd');
    INSERT INTO postings (entry_id, account, user_id, micros, effective_ms)
    VALUES (10, 'receivable', 1, 5000000, {NOW}), (10, 'stripe_clearing', NULL, -5000000, {NOW}),
           (11, 'receivable', 1, 10000000, {NOW}), (11, 'stripe_clearing', NULL, -10000000, {NOW}),
           (12, 'disputes', NULL, 7000000, {NOW}), (12, 'stripe_clearing', NULL, -7000000, {NOW}),
           (13, 'disputes', NULL, 8000000, {NOW}), (13, 'stripe_clearing', NULL, -8000000, {NOW}),
           (14, 'receivable', 1, 8000000, {NOW}), (14, 'disputes', NULL, -8000000, {NOW});
    UPDATE balances SET receivable_micros = 28000000 WHERE user_id = 1;
    INSERT INTO checkouts (reference, user_id, amount_cents, balance_version, state, created_ms, session_id, url,
                           operator)
    VALUES ('ref_1', 1, 500, 1, 'open', {NOW}, 'cs_1', 'https://pay.example/1', 'ana'),
           ('ref_2', 1, 500, 1, 'open', {NOW}, 'cs_2', 'https://pay.example/2', 'ana');
"""


def test_refunds_disputes_and_links_are_carried_over(tmp_path: Path) -> None:
    path = old_ledger(tmp_path / "bioql.db")
    database = Database(sqlite_url(path), lambda: NOW)
    with database._engine.connect().execution_options(bioql_write=True) as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.commit()
    database.close()
    with raw(path) as connection:
        connection.executescript(BEFORE)
    database = Database(sqlite_url(path), lambda: NOW)
    database.open(tmp_path / "backups")
    with database.read() as work:
        assert work.verifier.run().ok
        assert work.money_back.total_of("pi_1") == 1_500
        assert work.money_back.held_micros("pi_2") == 7_000_000
        assert work.money_back.held_micros("pi_3") == 0
        (still_open,) = work.money_back.of_payment("pi_2", MoneyBackKind.DISPUTE)
        (lost,) = work.money_back.of_payment("pi_3", MoneyBackKind.DISPUTE)
        assert (still_open.status, still_open.cents, lost.status, lost.user_id) == ("needs_response", 700, "lost", 1)
        assert lost.is_lost
        (link,) = work.checkouts.unfinished(1)
        older = work.checkouts.by_reference("ref_1")
        assert older is not None
        assert (link.reference, older.state, older.url) == ("ref_2", CheckoutState.EXPIRED, "")
    database.close()
