"""The pages in their order, and the actions that the command palette offers on them."""

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
)

# Title, page, and what the page is told.
COMMANDS = (
    ("Register user…", "users", "register"),
    ("Show users who owe", "users", "filter:owes"),
    ("Show users without a Stripe customer", "users", "filter:no_customer"),
    ("Create missing meter and price…", "meter", "create"),
    ("Show events that need attention", "webhooks", "attention"),
    ("Switch the webhook listener on", "webhooks", "on"),
    ("Switch the webhook listener off", "webhooks", "off"),
    ("Restart the external server with the keychain's secrets", "server", "restart"),
    ("Enter Stripe credentials", "settings", "credentials"),
    ("Check the books", "activity", "verify"),
)


def make_page(name: str) -> Page:
    """A new page; its module is imported when it is first wanted."""
    match name:
        case "overview":
            from bioql_console.ui.pages.overview import OverviewPage as Wanted
        case "users":
            from bioql_console.ui.pages.users import UsersPage as Wanted
        case "balances":
            from bioql_console.ui.pages.balances import BalancesPage as Wanted
        case "payments":
            from bioql_console.ui.pages.payments import PaymentsPage as Wanted
        case "meter":
            from bioql_console.ui.pages.meter import MeterPage as Wanted
        case "webhooks":
            from bioql_console.ui.pages.webhooks import WebhooksPage as Wanted
        case "server":
            from bioql_console.ui.pages.server import ServerPage as Wanted
        case "activity":
            from bioql_console.ui.pages.activity import ActivityPage as Wanted
        case "settings":
            from bioql_console.ui.pages.settings import SettingsPage as Wanted
        case _:
            raise ValueError(f"no page {name}")
    return Wanted()
