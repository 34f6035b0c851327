"""The catalogue of Stripe calls: what it lacks, and its page, which `python -m tests.stripe_call_table` writes."""

from bioql_console.services import key_permissions
from bioql_console.services.stripe_catalog import CALLS, Access, StripeCall
from tests.sources import ROOT
from tests.stripe_calls import Call, calls_of_the_gateway, shape

PAGE = ROOT / "docs/stripe-calls.md"
FOLDER = "bioql_console/services/stripe_catalog"

HEAD = """# Calls to Stripe

Every call that the console can send to Stripe. This page is made from `bioql_console/services/stripe_catalog` by
`scripts/docs-stripe-calls`; `tests/gateway` proves that nothing else leaves, and that each call fits Stripe's schema.

Each call carries `Stripe-Version: 2026-10-28.endive` and the secret key. Stripe remembers an idempotency key for 24
hours at least; the column "Later" says what makes a repeat harmless after that. When Stripe only repeats an earlier
failure for a key, the next try adds `~2` and so on ([decision 10](decisions/010-done-once.md)). In Live nothing but GET
leaves unless the operator arms it.
"""

PERMISSIONS = """
## What a restricted key needs

On Stripe's API keys page, set these and leave the rest at None. Write includes Read. When Stripe refuses a call, its
answer names the permission that is missing; that name is right should it differ from this table.

| Permission | Set to | For |
| --- | --- | --- |
"""

WRITES = """
## Calls that change something

| Call | What it is for | Permission | Idempotency key | Later | When it fails |
| --- | --- | --- | --- | --- | --- |
"""

READS = """
## Calls that read

| Call | What it is for | Permission | When it fails |
| --- | --- | --- | --- |
"""

PROBES = """
## Questions about a restricted key

Sent when an operator enters or checks a key, to tell what it may do; none of them can do anything. In Live those with
POST do not leave.

| Call | Permission it asks for | Why it can't do anything |
| --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    writes = [call for call in CALLS if call.permission.access is Access.WRITE]
    reads = [call for call in CALLS if call.permission.access is Access.READ]
    return (
        HEAD
        + PERMISSIONS
        + _permissions()
        + WRITES
        + _table(writes, True)
        + READS
        + _table(reads, False)
        + PROBES
        + _probes()
    )


def _permissions() -> str:
    needed: dict[str, dict[Access, list[str]]] = {}
    for call in CALLS:
        uses = needed.setdefault(call.permission.resource.value, {})
        uses.setdefault(call.permission.access, []).append(call.purpose)
    rows = []
    for resource, uses in sorted(needed.items()):
        access = Access.WRITE if Access.WRITE in uses else Access.READ
        rows.append(f"| {resource} | {access.value} | {' '.join(dict.fromkeys(uses[access]))} |\n")
    return "".join(rows)


def _probes() -> str:
    rows = []
    for permission, method, path, params in key_permissions.PROBES:
        why = "it reads, at most one object"
        if permission.access is Access.WRITE:
            absent = key_permissions.NONE_SUCH in f"{path} {params}"
            why = "its id can't exist" if absent else "what must be there is left out"
        rows.append(f"| `{method.upper()} {path}` | {permission} | {why} |\n")
    for name, path in key_permissions.NEEDLESS.items():
        rows.append(
            f"| `GET {path}` | {name}: Read, which the console does not need | it reads, at most one object |\n"
        )
    return "".join(rows)


def _table(calls: list[StripeCall], writes: bool) -> str:
    rows = []
    for call in sorted(calls, key=lambda each: (each.path, each.method)):
        cells = [f"`{call.method} {call.path}`", call.purpose, str(call.permission)]
        cells += [call.key, call.repeat] if writes else []
        rows.append(f"| {' | '.join([*cells, call.failure])} |\n")
    return "".join(rows)


def lacking() -> list[str]:
    """What to change in the catalogue so that it says what the gateway's code sends, one line each."""
    listed: dict[Call, StripeCall] = {(call.method, shape(call.path)): call for call in CALLS}
    sent = calls_of_the_gateway()
    lines = []
    for name, calls in sent.items():
        for method, path in sorted(calls):
            row = listed.get((method, path))
            file = "reads.py" if method == "GET" else "writes.py"
            if row is None:
                maker = "read(Resource.…" if method == "GET" else f"write(Resource.…, {method!r}"
                new = f"{maker}, {path!r}, {name!r}, purpose=…, …)"
                lines.append(f"{name} sends {method} {path}: add {new} to {FOLDER}/{file}")
            elif name not in row.used_by:
                lines.append(f"{name} sends {method} {path}: add {name!r} to that row in {FOLDER}/{file}")
    for key, row in listed.items():
        lines += [
            f"{name} does not send {row.method} {row.path}: take {name!r} out of that row"
            for name in row.used_by
            if key not in sent.get(name, set())
        ]
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
