"""Refunds and disputes each by its own id; one open link per balance; links for a part; since when a bank debit runs.

Why: a refund that fails later is taken back exactly once, a dispute's deadline is shown, an inquiry holds nothing, and
two consoles can't keep two links open for one balance. What the ledger has of refunds and disputes is carried over.
Cost: two columns with defaults are added to checkouts; it is not rewritten. Of several open links of one user only the
newest stays open here; the others' payments are counted all the same.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0008", "0007"

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ONE_OPEN_LINK = sa.text("state IN ('creating', 'open')")
DISPUTE_OF = "Dispute of "


def upgrade() -> None:
    op.add_column("checkouts", sa.Column("part", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("checkouts", sa.Column("since_ms", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE checkouts SET state = 'expired', url = '' WHERE state IN ('creating', 'open') AND id NOT IN"
        " (SELECT max(id) FROM checkouts WHERE state IN ('creating', 'open') GROUP BY user_id)"
    )
    op.create_index(
        "uq_checkouts_open",
        "checkouts",
        ["user_id"],
        unique=True,
        sqlite_where=ONE_OPEN_LINK,
        postgresql_where=ONE_OPEN_LINK,
    )
    money_back = _create_money_back()
    totals = op.create_table(
        "refund_totals",
        sa.Column("payment_intent", sa.Text(), nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("payment_intent", name=op.f("pk_refund_totals")),
    )
    _carry_refunds_over(totals)
    _carry_disputes_over(money_back)


def downgrade() -> None:
    raise NotImplementedError("Restore the backup that was made before the upgrade.")


def _create_money_back() -> sa.Table:
    made = op.create_table(
        "money_back",
        sa.Column("id", Id, nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("payment_intent", sa.Text(), nullable=False),
        sa.Column("user_id", Id, nullable=True),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("heard_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("reinstated", sa.Boolean(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_money_back_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_money_back")),
        sa.UniqueConstraint("object_id", name=op.f("uq_money_back_object_id")),
    )
    op.create_index("ix_money_back_payment_intent", "money_back", ["payment_intent"], unique=False)
    op.create_index("ix_money_back_kind", "money_back", ["kind", "status", "id"], unique=False)
    op.create_index("ix_money_back_user_id", "money_back", ["user_id", "id"], unique=False)
    return made


def _carry_refunds_over(totals: sa.Table) -> None:
    """Their entries are named by payment and cumulative cents."""
    found = op.get_bind().execute(
        sa.text("SELECT source_id FROM journal_entries WHERE kind = 'refund' AND source_type = 'charge'")
    )
    most: dict[str, int] = {}
    for (source,) in found:
        payment, _, cents = source.rpartition(":")
        if payment and cents.isdigit():
            most[payment] = max(most.get(payment, 0), int(cents))
    if most:
        op.bulk_insert(totals, [{"payment_intent": payment, "cents": cents} for payment, cents in most.items()])


def _carry_disputes_over(money_back: sa.Table) -> None:
    """Held as long as nothing was released; lost where a user owes it again."""
    found = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT hold.source_id, hold.memo, hold.effective_ms, held.micros, release.id AS released,"
                " (SELECT max(user_id) FROM postings WHERE entry_id = release.id) AS user_id"
                " FROM journal_entries hold JOIN postings held ON held.entry_id = hold.id AND held.account = 'disputes'"
                " LEFT JOIN journal_entries release ON release.kind = 'dispute_release'"
                " AND release.source_type = 'dispute' AND release.source_id = hold.source_id"
                " WHERE hold.kind = 'dispute_hold' AND hold.source_type = 'dispute' ORDER BY hold.id"
            )
        )
        .all()
    )
    rows = [
        {
            "object_id": row.source_id,
            "kind": "dispute",
            "payment_intent": row.memo.removeprefix(DISPUTE_OF).partition(" ")[0],
            "user_id": row.user_id,
            "cents": row.micros // 10_000,
            "status": "needs_response" if row.released is None else "lost" if row.user_id else "won",
            "reason": "",
            "created_ms": row.effective_ms,
            "heard_ms": row.effective_ms,
            "due_ms": None,
            "withdrawn": True,
            "reinstated": False,
            "answers": 0,
        }
        for row in found
    ]
    if rows:
        op.bulk_insert(money_back, rows)
