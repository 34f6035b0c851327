"""Prices with their history, and what each plan allows."""

from sqlalchemy import Connection, select, update

from bioql_console.domain.plans import PlanLimits
from bioql_console.domain.prices import Price, PriceList, PriceRecord
from bioql_console.domain.users import Plan
from bioql_console.storage.statements import insert
from bioql_console.storage.tables import plans, prices


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
        row = self._connection.execute(select(plans).where(plans.c.plan == plan.value)).one()
        return PlanLimits(plan, row.monthly_shots, tuple(row.backends.split()))

    def set_limits(self, limits: PlanLimits) -> None:
        self._connection.execute(
            update(plans)
            .where(plans.c.plan == limits.plan.value)
            .values(monthly_shots=limits.monthly_shots, backends=" ".join(limits.backends))
        )
