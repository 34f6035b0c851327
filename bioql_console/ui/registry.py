"""The pages in their order, and the actions that the command palette offers on them."""

from bioql_console.domain.rights import Rights, Role
from bioql_console.ui.pages.page import Page

PAGES = (
    ("overview", "Overview"),
    ("users", "Users"),
    ("balances", "Balances"),
    ("payments", "Payments"),
    ("meter", "Meter"),
    ("webhooks", "Webhooks"),
    ("server", "Server"),
    ("activity", "Activity"),
    ("settings", "Settings"),
    ("support", "Support"),
    ("reconcile", "Reconcile"),
)

# The tenth page's key.
LAST_KEY = 10


def key_of(number: int) -> str:
    """The digit that opens the n-th page: 1–9, then 0. Empty for those after: there are no more digits."""
    return str(number % LAST_KEY) if number <= LAST_KEY else ""


# Title, page, and what the page is told.
COMMANDS = (
    ("Register user…", "users", "register"),
    ("Import an existing users.db…", "users", "import"),
    ("Show users who owe", "users", "filter:owes"),
    ("Show users without a Stripe customer", "users", "filter:no_customer"),
    ("Show invoices", "payments", "invoices"),
    ("Show refunds and disputes", "payments", "money_back"),
    ("Create or repair meter and price…", "meter", "repair"),
    ("Show events that need attention", "webhooks", "attention"),
    ("Fetch events that were missed", "webhooks", "fetch"),
    ("Start Stripe's command line", "webhooks", "cli:on"),
    ("Stop Stripe's command line", "webhooks", "cli:off"),
    ("Switch the webhook listener on", "webhooks", "on"),
    ("Switch the webhook listener off", "webhooks", "off"),
    ("Restart the external server with the keychain's secrets", "server", "restart"),
    ("Set prices and plans…", "settings", "prices"),
    ("Enter Stripe credentials", "settings", "credentials"),
    ("Check the books", "activity", "verify"),
    ("Reconcile books and Stripe now", "reconcile", "run"),
)
# What it takes to tell a page this; everything else is for who may read.
NEEDS = {
    ("users", "register"): Role.OPERATOR,
    ("users", "import"): Role.ADMIN,
    ("meter", "repair"): Role.OPERATOR,
    ("webhooks", "fetch"): Role.OPERATOR,
    ("webhooks", "cli:on"): Role.OPERATOR,
    ("webhooks", "on"): Role.OPERATOR,
    ("server", "start"): Role.OPERATOR,
    ("server", "restart"): Role.OPERATOR,
}


def lacking(rights: Rights, name: str, argument: object) -> str:
    """The right that is missing to tell a page this; empty when nothing is."""
    needed = NEEDS.get((name, argument)) if isinstance(argument, str) else None
    return rights.lacking(needed) if needed else ""


def _overview() -> Page:
    from bioql_console.ui.pages.overview import OverviewPage

    return OverviewPage()


def _users() -> Page:
    from bioql_console.ui.pages.users import UsersPage

    return UsersPage()


def _balances() -> Page:
    from bioql_console.ui.pages.balances import BalancesPage

    return BalancesPage()


def _payments() -> Page:
    from bioql_console.ui.pages.payments import PaymentsPage

    return PaymentsPage()


def _meter() -> Page:
    from bioql_console.ui.pages.meter import MeterPage

    return MeterPage()


def _webhooks() -> Page:
    from bioql_console.ui.pages.webhooks import WebhooksPage

    return WebhooksPage()


def _server() -> Page:
    from bioql_console.ui.pages.server import ServerPage

    return ServerPage()


def _activity() -> Page:
    from bioql_console.ui.pages.activity import ActivityPage

    return ActivityPage()


def _settings() -> Page:
    from bioql_console.ui.pages.settings import SettingsPage

    return SettingsPage()


def _support() -> Page:
    from bioql_console.ui.pages.support import SupportPage

    return SupportPage()


def _reconcile() -> Page:
    from bioql_console.ui.pages.reconcile import ReconcilePage

    return ReconcilePage()


_MAKERS = {
    maker.__name__.strip("_"): maker
    for maker in (
        *(_overview, _users, _balances, _payments, _meter, _webhooks, _server, _activity, _settings, _support),
        _reconcile,
    )
}


def make_page(name: str) -> Page:
    """A new page; its module is imported when it is first wanted."""
    return _MAKERS[name]()
