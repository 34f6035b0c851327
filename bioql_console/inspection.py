"""`doctor`: looking at data that a running server or window may be using, without touching it."""

import json
from pathlib import Path

from bioql_console.core import Core, database_url, now_ms
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.ledgers import ledger_at
from bioql_console.services.changes import Changes
from bioql_console.services.checks import CheckResult
from bioql_console.services.console import LocalServer
from bioql_console.services.credentials import Credentials
from bioql_console.services.doctor import Doctor, Surroundings
from bioql_console.services.keychain import KeychainSecrets
from bioql_console.services.meter_setup import MeterSetup
from bioql_console.services.missed_events import MissedEvents
from bioql_console.services.server_health import check
from bioql_console.services.stripe_access import StripeAccess
from bioql_console.settings import data_directory, environment_directory, load

RUNNING_FILE = "running.json"


def run_doctor(data_dir: Path | None) -> list[CheckResult]:
    """Every check of the active environment, against whatever server is running on this data."""
    folder = data_directory(data_dir)
    settings = load(folder)
    environment = Environment(settings.environment)
    running = running_server(folder, environment)
    credentials = Credentials(KeychainSecrets())
    stripe = stripe_of(environment, credentials, running)
    database = ledger_at(database_url(settings, folder, environment), credentials)
    database.environment = environment
    try:
        database.open_existing()
    except OperatorError as error:
        database.close()
        return [CheckResult("database", False, error.what, error.fix)]
    surroundings = Surroundings(
        environment=environment,
        data_dir=folder,
        store=database,
        credentials=credentials,
        stripe=stripe,
        meter=MeterSetup(stripe, database, now_ms) if stripe else None,
        missed_events=MissedEvents(database, stripe, Changes(), now_ms) if stripe else None,
        health=check,
        now_ms=now_ms,
        server_url=lambda: running.get("url") or f"http://{settings.host}:{settings.port}",
    )
    try:
        return Doctor(surroundings).run()
    finally:
        database.close()


def doctor_of(core: Core, credentials: Credentials, server: LocalServer) -> Doctor:
    """The doctor of an open window."""
    surroundings = Surroundings(
        environment=core.environment,
        data_dir=core.data_dir,
        store=core.database,
        credentials=credentials,
        stripe=core.stripe,
        meter=core.meter,
        missed_events=core.missed_events,
        health=check,
        server_url=lambda: server.url,
        now_ms=now_ms,
    )
    return Doctor(surroundings)


def stripe_of(environment: Environment, credentials: Credentials, running: dict[str, str]) -> StripeAccess | None:
    """The environment's Stripe; None when the sandbox is not running."""
    if environment is not Environment.SANDBOX:
        return StripeAccess(environment, lambda: credentials.stripe_secret_key(environment), None)
    if not running.get("stripe_base"):
        return None
    return StripeAccess(environment, lambda: running["stripe_secret_key"], running["stripe_base"])


def running_file(data_dir: Path, environment: Environment) -> Path:
    """Where a running server says how to reach it. The only key in it is the sandbox's, which is worth nothing."""
    return environment_directory(data_dir, environment) / RUNNING_FILE


def running_server(data_dir: Path, environment: Environment) -> dict[str, str]:
    """What the server that runs on this data says of itself; empty when none runs."""
    try:
        found = json.loads(running_file(data_dir, environment).read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
