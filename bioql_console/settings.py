"""What an operator chose, in one JSON file. Never a secret."""

import json
import os
import re
from dataclasses import MISSING, dataclass, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from bioql_console.domain.database_address import DatabaseAddress
from bioql_console.domain.environment import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET, Environment
from bioql_console.domain.errors import OperatorError

FILE = "settings.json"
THEMES = ("system", "light", "dark")
LANGUAGES = ("system", "en", "es")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; a value that can't be is a ValueError that names it."""

    environment: str = "sandbox"
    """Active environment: sandbox, test or live."""
    dev_mode: bool = True
    """Sandbox, embedded server, dev keys and the laboratory. Only possible in the Sandbox."""
    host: str = "127.0.0.1"
    """Address the embedded server listens on."""
    port: int = 5001
    """Its TCP port, 0–65535; 0 chooses a free one at each start."""
    health_every_s: int = 15
    """Pause between health checks, seconds, 5–300."""
    invoice_threshold_cents: int = 300_000
    """What a user may owe before Stripe makes an invoice, cents."""
    welcome_credit_micros: int = 10_000_000
    """Credit for a new user, millionths of a dollar."""
    payment_terms_days: int = 30
    """Days until a charge falls due, 0–365."""
    theme: str = "system"
    """Appearance: system, light or dark."""
    language: str = "system"
    """Language: system, en or es."""
    test_publishable_key: str = ""
    """Stripe's publishable test key (pk_test_…); it is no secret."""
    live_publishable_key: str = ""
    """Stripe's publishable live key (pk_live_…); it is no secret."""
    test_database_url: str = ""
    """The team's PostgreSQL for Test, without its password; empty for a file of our own."""
    live_database_url: str = ""
    """The team's PostgreSQL for Live, without its password; another database than Test's."""
    dashboard_url: str = ""
    """Where customers reach the dashboard, if not at the server's own address."""
    allowed_origins: tuple[str, ...] = ()
    """Web origins whose pages may call the server, e.g. https://bioql.example."""
    requests_per_second: int = 100
    """Requests that one API key may send the server, a second; 1–100,000."""
    wrong_keys_per_minute: int = 60
    """API keys that one address may get wrong, a minute; 1–100,000."""
    registrations_per_minute: int = 60
    """Registrations that one address may try, a minute; 1–100,000."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies before the server; theirs, and only theirs, is the X-Forwarded-For that it believes."""
    stripe_cli_path: str = ""
    """Stripe's command line; empty for the one on PATH."""
    stripe_cli_on: bool = False
    """Whether it is started with the console, to forward events; never in Live."""
    external_command: tuple[str, ...] = ()
    """Command of an external BioQL server, one word an item."""
    external_folder: str = ""
    """Folder in which that command runs."""
    external_health_url: str = "http://127.0.0.1:5001/health"
    """Where that server tells how it is."""

    def __post_init__(self) -> None:
        _require(self.environment in [each.value for each in Environment], "environment", "sandbox, test or live")
        _require(not self.dev_mode or self.environment == "sandbox", "dev_mode", "off outside the Sandbox")
        _require(0 <= self.port <= 65535, "port", "0–65535")
        _require(5 <= self.health_every_s <= 300, "health_every_s", "5–300 seconds")
        _require(0 <= self.payment_terms_days <= 365, "payment_terms_days", "0–365 days")
        _require(self.invoice_threshold_cents >= 50, "invoice_threshold_cents", "at least 50 cents")
        _require(self.welcome_credit_micros >= 0, "welcome_credit_micros", "not negative")
        for name in ("requests_per_second", "wrong_keys_per_minute", "registrations_per_minute"):
            _require(1 <= getattr(self, name) <= 100_000, name, "1–100,000")
        _require(all(map(_is_network, self.trusted_proxies)), "trusted_proxies", "addresses like 10.0.0.5, 10.0.0.0/8")
        _require(self.theme in THEMES, "theme", "system, light or dark")
        _require(self.language in LANGUAGES, "language", "system, en or es")
        for name, mode in (("test_publishable_key", "test"), ("live_publishable_key", "live")):
            key = getattr(self, name)
            found = re.fullmatch(PUBLISHABLE_KEY, key)
            _require(not key or (found is not None and found[1] == mode), name, f"empty or pk_{mode}_…")
        for field in fields(self):
            _require(not _holds_secret(getattr(self, field.name)), field.name, "without secrets (keys have a page)")
        for name in ("test_database_url", "live_database_url"):
            database = urlsplit(getattr(self, name))
            _require(database.password is None and "password=" not in database.query, name, "without a password")
        apart = not self.live_database_url or _place(self.live_database_url) != _place(self.test_database_url)
        _require(apart, "live_database_url", "another database than test_database_url")

    def team_database(self, environment: Environment) -> str:
        """The URL of an environment's PostgreSQL; empty where its ledger is a file of its own, as the Sandbox's is."""
        return "" if environment is Environment.SANDBOX else str(getattr(self, f"{environment.value}_database_url"))

    def with_team_database(self, environment: Environment, url: str) -> "Settings":
        """The same with another one for Test or Live.

        Raises:
            ValueError: it is the other one's.
        """
        changed: dict[str, Any] = {f"{environment.value}_database_url": url}
        return replace(self, **changed)


def _require(holds: bool, name: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {expected}")


def _place(url: str) -> object:
    """Tells a database from others; how one connects to it does not matter."""
    return DatabaseAddress.read(url).place if url.startswith("postgres") else url


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _holds_secret(value: Any) -> bool:
    """Whether a text, or a word of a command, has a key in it, as in `env STRIPE_SECRET_KEY=… server`."""
    texts = value if isinstance(value, tuple) else (value,)
    return any(
        isinstance(text, str) and (re.search(SECRET_KEY, text) or re.search(WEBHOOK_SECRET, text)) for text in texts
    )


def data_directory(override: Path | None = None, *, make: bool = True) -> Path:
    """The folder that holds everything this program writes, private to its owner; made where it is missing."""
    if override is None:
        from platformdirs import user_data_path

        override = user_data_path("bioql-console", appauthor=False)
    folder = override.expanduser().absolute()
    return _made(folder) if make else folder


def environment_directory(data_dir: Path, environment: Environment, *, make: bool = True) -> Path:
    """Each environment keeps its data apart from the others."""
    folder = data_dir / environment.value
    return _made(folder) if make else folder


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OperatorError(
            f"The data folder {folder} can't be made: {error.strerror}.",
            fix="Choose another one with --data-dir.",
            code="settings.folder",
        ) from error
    return folder


def load(data_dir: Path) -> Settings:
    """The stored settings, or the defaults when there is no file.

    Raises:
        OperatorError: `settings.unreadable`, `settings.unknown`, `settings.invalid`; names the file and the key.
    """
    path = data_dir / FILE
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, RecursionError) as error:
        raise OperatorError(
            f"{path} can't be read: {error}.",
            fix="Mend it, or delete it to start with the defaults.",
            code="settings.unreadable",
        ) from error
    if not isinstance(found, dict):
        raise _invalid(path, "the whole file must be one JSON object")
    _divide(found)
    unknown = sorted(set(found) - {field.name for field in fields(Settings)})
    if unknown:
        raise OperatorError(
            f"{path} has a setting that this version does not know: {unknown[0]}.",
            fix="Correct its name or delete the line.",
            code="settings.unknown",
        )
    hints = get_type_hints(Settings)
    try:
        return Settings(**{name: _value(name, value, hints[name]) for name, value in found.items()})
    except ValueError as error:
        raise _invalid(path, str(error)) from error


def _divide(found: dict[str, Any]) -> None:
    """One database used to serve Test and Live: it is that of the environment that was open, of Test in the Sandbox."""
    if "database_url" in found:
        mine = "live_database_url" if found.get("environment") == Environment.LIVE.value else "test_database_url"
        found.setdefault(mine, found.pop("database_url"))


def _value(name: str, value: Any, hint: Any) -> Any:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if not isinstance(value, list) or not all(type(each) is item for each in value):
            raise ValueError(f"{name} must be a list of texts")
        return tuple(value)
    if type(value) is not hint:
        raise ValueError(f"{name} must be of type {hint.__name__}")
    return value


def _invalid(path: Path, what: str) -> OperatorError:
    return OperatorError(f"{path}: {what}.", fix="Correct it or delete the line.", code="settings.invalid")


def save(settings: Settings, data_dir: Path) -> None:
    """Store what differs from the defaults; the old file stays whole until the new one is."""
    changed = {
        field.name: getattr(settings, field.name)
        for field in fields(Settings)
        if field.default is not MISSING and getattr(settings, field.name) != field.default
    }
    path = data_dir / FILE
    beside = path.with_name(FILE + ".new")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(changed, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise OperatorError(
            f"{path} can't be written: {error.strerror}.",
            fix="Check the folder's space and owner, then save again.",
            code="settings.unwritable",
        ) from error
