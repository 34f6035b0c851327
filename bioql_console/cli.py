"""The command line. Each command imports what it needs when it runs."""

import json
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from bioql_console import __version__
from bioql_console.domain.environment import Environment
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.live_writes import Standing
from bioql_console.domain.plain_text import shown

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The BioQL operator console.",
)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Holds everything that is written.")]
DatabaseUrl = Annotated[str | None, typer.Option("--database", help="Another database, as an SQLAlchemy URL.")]
ActiveEnvironment = Annotated[
    Environment | None, typer.Option("--env", help="Default: the active environment of the settings.")
]
DAY = "%Y-%m-%d"
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]


class Secrets(Enum):
    """Where `serve` takes Stripe's secrets from."""

    KEYCHAIN = "keychain"
    ENV = "env"


class Theme(Enum):
    LIGHT = "light"
    DARK = "dark"


class Language(Enum):
    EN = "en"
    ES = "es"


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bioql-console {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """The window, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        gui()
    elif context.invoked_subcommand != "gui":
        from bioql_console.services.hardening import harden

        harden()  # the window does it once it has painted


@app.command()
def gui(
    data_dir: DataDir = None,
    env: Annotated[Environment | None, typer.Option(help="Open in this environment.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty Sandbox with demo data.")] = False,
    database: DatabaseUrl = None,
) -> None:
    """Open the window."""
    from bioql_console.gui import run
    from bioql_console.gui_options import GuiOptions

    raise typer.Exit(run(GuiOptions(data_dir, env.value if env else None, demo, database)))


@app.command()
def serve(
    env: ActiveEnvironment = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 chooses a free port. Default: 5001.")] = None,
    database: DatabaseUrl = None,
    data_dir: DataDir = None,
    ready_file: Annotated[Path | None, typer.Option(help="Written as JSON once connections are accepted.")] = None,
    secrets: Annotated[Secrets, typer.Option(help="env reads STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET.")] = (
        Secrets.KEYCHAIN
    ),
    arm: Annotated[
        list[Standing] | None, typer.Option("--arm", help="What may write at Stripe in Live; may be given repeatedly.")
    ] = None,
    account: Annotated[str, typer.Option(help="The Stripe account that --arm means: its name or acct_…")] = "",
) -> None:
    """Run the server without a window until it is told to stop."""
    from bioql_console.serve import ServeOptions, run

    if arm and not account:
        raise typer.BadParameter("say for which Stripe account", param_hint="--account")
    options = ServeOptions(
        env, host, port, database, data_dir, ready_file, secrets is Secrets.ENV, tuple(arm or ()), account
    )
    raise typer.Exit(run(options))


@app.command()
def demo(
    data_dir: DataDir = None,
    users: Annotated[int, typer.Option(min=1, max=2_000_000, help="How many.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
) -> None:
    """Fill an empty Sandbox with realistic data."""
    from bioql_console.demo_data import fill_data_dir

    typer.echo(fill_data_dir(data_dir, users, seed))


@app.command()
def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check the surroundings; each failed check names its cure."""
    from bioql_console.inspection import run_doctor

    checks = run_doctor(data_dir)
    ok = not any(check.ok is False for check in checks)
    if as_json:
        rows = [{"id": c.id, "ok": c.ok, "what": c.what, "cure": c.cure} for c in checks]
        typer.echo(json.dumps({"ok": ok, "checks": rows}, ensure_ascii=False))
    else:
        marks = {True: "ok     ", False: "FIX    ", None: "unknown"}
        for check in checks:
            typer.echo(f"{marks[check.ok]}  {shown(check.what)}")
            if check.ok is not True and check.cure:
                typer.echo(f"         → {shown(check.cure)}")
    raise typer.Exit(0 if ok else 1)


@app.command()
def verify(data_dir: DataDir = None, database: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Recompute every ledger that the window would open, or the named one, and name every difference."""
    from bioql_console.verifying import answer

    raise typer.Exit(answer(data_dir, database, as_json=as_json))


@app.command()
def backup(
    target: Annotated[Path | None, typer.Argument(help="A file or folder. Default: the backups folder.")] = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    env: ActiveEnvironment = None,
    as_json: AsJson = False,
) -> None:
    """Copy the ledger while everything goes on, and recompute the books in the copy."""
    from bioql_console.backing_up import BackupOptions, answer

    raise typer.Exit(answer(BackupOptions(target, data_dir, database, env), as_json=as_json))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Back up the ledger that is here, then replace it.")
    ] = False,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    env: ActiveEnvironment = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the ledger's place, whole or not at all."""
    from bioql_console.restoring import RestoreOptions, answer

    raise typer.Exit(answer(RestoreOptions(file, replace, data_dir, database, env), as_json=as_json))


@app.command()
def move(
    target: Annotated[str, typer.Argument(help="A new, empty database, e.g. postgresql://user@host/database")],
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    env: ActiveEnvironment = None,
    as_json: AsJson = False,
) -> None:
    """Move the ledger into another database, all of it or nothing, and compare both."""
    from bioql_console.moving import MoveOptions, answer

    raise typer.Exit(answer(MoveOptions(target, data_dir, database, env), as_json=as_json))


@app.command("import")
def import_users(
    file: Annotated[Path, typer.Argument(help="The old server's users.db; it is only read.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be brought in.")] = False,
    as_json: AsJson = False,
    no_credit: Annotated[bool, typer.Option("--no-credit", help="Leave prepaid credit out.")] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no copy first, where the disk has no room for one.")
    ] = False,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    env: ActiveEnvironment = None,
) -> None:
    """Bring in an existing BioQL database, all of it or nothing; doing it again changes nothing."""
    from bioql_console.importing import ImportOptions, answer

    options = ImportOptions(file, dry_run, not no_credit, data_dir, database, env, not no_backup)
    raise typer.Exit(answer(options, as_json=as_json))


@app.command()
def reconcile(
    first: Annotated[datetime | None, typer.Option("--from", formats=[DAY], help="First UTC day.")] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=[DAY], help="Last UTC day. Default: until now.")
    ] = None,
    env: ActiveEnvironment = None,
    data_dir: DataDir = None,
    database: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compare the books with Stripe; exit 1 and every difference with its cause. It only reads."""
    from bioql_console.reconciling import ReconcileOptions, answer

    if first and last and last < first:
        raise typer.BadParameter("the last day is before the first", param_hint="--to")
    days = first.date() if first else None, last.date() if last else None
    raise typer.Exit(answer(ReconcileOptions(*days, data_dir, database, env), as_json=as_json))


@app.command()
def shots(
    folder: Annotated[Path, typer.Argument(help="Where the PNG files go.")],
    theme: Annotated[Theme, typer.Option()] = Theme.LIGHT,
    lang: Annotated[Language, typer.Option()] = Language.EN,
    scale: Annotated[int, typer.Option(min=1, max=2)] = 1,
) -> None:
    """Every screen as a PNG, offscreen, on demo data."""
    from bioql_console.shots import run

    raise typer.Exit(run(folder, theme.value, lang.value, scale))


def run_command() -> int:
    """Run what `sys.argv` asks for: exit code 0 fine, 1 found a problem, 2 wrong usage."""
    try:
        app(prog_name="bioql-console")
    except OperatorError as error:
        typer.echo(shown(f"{error.what}\n→ {error.fix}  [{error.code}]"), err=True)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(run_command())
