"""Prices with their history, and what each plan allows."""

from sqlalchemy import Connection, func, select, text, update

from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import Price, PriceList, PriceRecord
from bioql_console.domain.users import Plan
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import plans, prices

# Any fixed number: it names the lock under which PostgreSQL lets one operator set prices at a time.
PRICES_LOCK = 7_303_003


class Tariff:
    """What operators set: prices per shot, and limits per plan."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def price_list(self) -> PriceList:
        rows = self._connection.execute(select(prices).order_by(prices.c.id))
        return PriceList(tuple(Price(row.pattern, row.micros_per_shot, row.effective_ms) for row in rows))

    def history(self) -> list[PriceRecord]:
        """Every price ever set, by backend, the latest first."""
        rows = self._connection.execute(select(prices).order_by(prices.c.pattern, prices.c.effective_ms.desc()))
        return [
            PriceRecord(Price(row.pattern, row.micros_per_shot, row.effective_ms), row.operator, row.reason)
            for row in rows
        ]

    def version_of(self, pattern: str) -> int:
        """How many prices were ever set for a backend. Nobody else sets one until the transaction ends."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": PRICES_LOCK})
        counted = select(func.count()).select_from(prices).where(prices.c.pattern == pattern)
        return self._connection.execute(counted).scalar_one()

    def add_price(self, price: Price, operator: str, reason: str) -> bool:
        """False when there is a price for this backend from the same moment on."""
        added = self._connection.execute(
            insert(self._connection, prices)
            .values(
                pattern=price.pattern,
                micros_per_shot=price.micros_per_shot,
                effective_ms=price.effective_ms,
                operator=operator,
                reason=reason,
            )
            .on_conflict_do_nothing(index_elements=["pattern", "effective_ms"])
            .returning(prices.c.id)
        ).scalar()
        return added is not None

    def limits(self, plan: Plan) -> PlanLimits:
        """In a write transaction locked until its end."""
        statement = select(plans).where(plans.c.plan == plan.value)
        if self._connection.get_execution_options().get("bioql_write"):
            statement = statement.with_for_update()
        row = self._connection.execute(statement).one()
        return PlanLimits(plan, row.monthly_shots, tuple(row.backends.split()), row.version)

    def set_limits(self, limits: PlanLimits) -> None:
        self._connection.execute(
            update(plans)
            .where(plans.c.plan == limits.plan.value)
            .values(
                monthly_shots=limits.monthly_shots,
                backends=" ".join(limits.backends),
                version=plans.c.version + 1,
            )
        )
