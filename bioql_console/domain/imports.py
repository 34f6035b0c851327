"""What an import of an existing BioQL database found, and what became of it."""

from collections import Counter
from dataclasses import dataclass, field

# Of each kind of problem so many are kept; the rest is counted. A damaged file may have millions.
KEPT_OF_A_KIND = 1_000
# Source types of the entries that an import posts. Those of invoices have Stripe's id as their source, so that an event
# about a payment that was brought in can be told from news.
IMPORT_SOURCE = "import"
INVOICE_SOURCE = "import_invoice"
# In place of Stripe's billing reason, for invoices that were brought in.
IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Problem:
    """One row that could not be brought in as it stands.

    Args:
        row: The row's id in its table.
        what: One sentence: what is wrong with it, and what was done. Never holds an API key.
    """

    table: str
    row: int | str | None
    what: str


@dataclass(slots=True)
class Problems:
    """Collects problems, by kind: `found[table, kind]` are the first ones, `counts` counts all."""

    found: dict[tuple[str, str], list[Problem]] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, table: str, row: int | str | None, kind: str, what: str) -> None:
        self.counts[table, kind] += 1
        kept = self.found.setdefault((table, kind), [])
        if len(kept) < KEPT_OF_A_KIND:
            kept.append(Problem(table, row, what))


@dataclass(slots=True)
class Counts:
    """How many there are of each."""

    users: int = 0
    usage_rows: int = 0
    months: int = 0
    invoices: int = 0
    tickets: int = 0
    entries: int = 0
    invoice_changes: int = 0


@dataclass(slots=True)
class Tally:
    """Sums over everything that could be brought in.

    Args:
        brought: What of the file is in the ledger afterwards, whether it came with this import or an earlier one.
        added: What this import adds.
        left_out: Rows of the file that are not brought in; each is a problem.
        charged_micros, paid_micros, prepaid_micros: The three parts of what users owe.
        runs_micros: What the runs cost, whether or not they are what is charged.
        owed_micros, credit_micros: Of the users who owe, and of those who are in credit.
        reported_micros: What the old server says it reported to Stripe's meter.
        without_customer: Rows of users who have no Stripe customer and can't pay yet.
    """

    brought: Counts = field(default_factory=Counts)
    added: Counts = field(default_factory=Counts)
    left_out: Counter[str] = field(default_factory=Counter)
    charged_micros: int = 0
    runs_micros: int = 0
    paid_micros: int = 0
    prepaid_micros: int = 0
    owed_micros: int = 0
    credit_micros: int = 0
    reported_micros: int = 0
    without_customer: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The answer of an import or of its preview.

    Args:
        file: The file's name, without its folder.
        written: False for a preview, and when there was nothing new.
        backup: Where the ledger was copied to before, empty when it was not.
        notes: What is worth knowing and no problem, such as columns that an older file lacks.
        with_credit: Whether prepaid credit was counted.
    """

    file: str
    tally: Tally
    problems: Problems
    notes: tuple[str, ...]
    with_credit: bool
    written: bool = False
    backup: str = ""

    @property
    def nothing_new(self) -> bool:
        return self.tally.added == Counts()


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """Where rows came from, as the ledger remembers it.

    Args:
        lineage: Names a file through all its versions; legacy ids mean something only together with it.
        sha256: Of the file's content.
    """

    lineage: int
    file: str
    sha256: str
    imported_ms: int
    operator: str
    users: int
    usage_rows: int
    entries: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a page of users.

    Args:
        by_legacy: Users of an earlier import of this file, by their id in it.
        by_email, by_key, by_customer: Users that have an address, key hash or Stripe customer, whoever made them.
        taken: Which of the ids are in use here.
        profiles: Address, key hash and Stripe customer of each user found.
    """

    by_legacy: dict[int, int]
    by_email: dict[str, int]
    by_key: dict[str, int]
    by_customer: dict[str, int]
    taken: frozenset[int]
    profiles: dict[int, tuple[str, str, str]]
