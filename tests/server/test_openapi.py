"""The OpenAPI document: of all routes and no others, and the server does what it says, whatever it is sent."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from bioql_console.server.app import WEBHOOK_PATH, routes
from bioql_console.server.limits import Limits
from bioql_console.server.openapi import DOCUMENT, ERRORS
from bioql_console.server.operations import OPERATIONS
from tests.sites import JANES_ID, JANES_KEY, Site, open_site

PAGES = {("GET", "/"), ("GET", "/dashboard.html")}
SCHEMAS = DOCUMENT["components"]["schemas"]

# What the document allows and the server refuses all the same: unsigned events, backends without a price, more money
# than is owed, cards of nobody.
RULES = """
[[operations]]
include-path = [
    "/webhooks/stripe",
    "/billing/check-limits",
    "/billing/record-usage",
    "/billing/log-usage",
    "/billing/create-payment",
    "/auth/register",
]
checks.positive_data_acceptance.enabled = false
"""


# --- the document -----------------------------------------------------------------------------------------------------


def test_document_and_routes_are_the_same() -> None:
    parts: Any = SimpleNamespace(limits=Limits(1, 1, 1), monotonic_ms=lambda: 0)
    answered = {(method, path) for method, path, _ in routes(parts)} | {("POST", WEBHOOK_PATH)}
    described = {(operation.method, operation.path) for operation in OPERATIONS}
    assert described == answered - PAGES
    assert len(described) == len(OPERATIONS)


def test_document_is_served_to_anybody(site: Site) -> None:
    answer = site.http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == DOCUMENT


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_right_and_their_examples_obey_them(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    check = validator_for(SCHEMAS[name])({"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})
    for example in SCHEMAS[name].get("examples", ()):
        check.validate(example)


def test_every_reference_leads_somewhere_and_nothing_lies_about() -> None:
    text = json.dumps(DOCUMENT)
    for group in ("schemas", "responses"):
        for name in DOCUMENT["components"][group]:
            assert f'"#/components/{group}/{name}"' in text, f"nobody needs {name}"
    used = {part.partition('"')[0] for part in text.split('"$ref": "#/components/')[1:]}
    assert used <= {f"schemas/{name}" for name in SCHEMAS} | {f"responses/{name}" for name, _, _ in ERRORS.values()}


def test_examples_hold_no_key_that_could_be_one() -> None:
    text = json.dumps(DOCUMENT)
    assert not any(mark in text for mark in ("sk_", "rk_", "whsec_", "cs_live"))
    assert text.count("bioql_") == text.count("bioql_example") + text.count("bioql_dev_")


# --- the running server -----------------------------------------------------------------------------------------------


@pytest.fixture
def patient_site(data_dir: Path) -> Iterator[Site]:
    """A site that lets itself be asked ever so often."""
    often = {"requests_per_second": 100_000, "wrong_keys_per_minute": 100_000, "registrations_per_minute": 100_000}
    with open_site(data_dir, **often) as opened:
        yield opened


def attack(site: Site, document: Any, folder: Path, *more: str) -> None:
    """Send what the document allows and what it forbids, the same each time, and hold each answer against it."""
    path, rules = folder / "document.json", folder / "rules.toml"
    path.write_text(json.dumps(document))
    rules.write_text(RULES)
    command = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(rules), "run", str(path))
    options = ("--url", site.url, "--max-examples", "8", "--phases", "examples,coverage,fuzzing", "--no-color")
    same = ("--seed", "1", "--generation-deterministic")
    patient = ("--continue-on-failure", "--suppress-health-check", "all")
    done = subprocess.run(
        [*command, *options, *same, *patient, *more],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(180)
@pytest.mark.expected_logs("Refused what is no request")
def test_strangers_get_what_the_document_says(patient_site: Site, tmp_path: Path) -> None:
    attack(patient_site, DOCUMENT, tmp_path)
    assert patient_site.owed() == 350.0
    patient_site.books_balance()


@pytest.mark.timeout(180)
@pytest.mark.expected_logs("Refused what is no request")
def test_customers_get_what_the_document_says(patient_site: Site, tmp_path: Path) -> None:
    document = copy.deepcopy(DOCUMENT)
    for name in ("Key", "LimitsQuestion", "Run"):
        fields = document["components"]["schemas"][name]["properties"]
        fields["api_key"] = {"enum": [JANES_KEY, None, ""]}
        if "backend" in fields:
            fields["backend"] = {"enum": ["simulator", "ibm_torino", "IonQ Forte"]}
    for path in ("/billing/usage/{user_id}", "/billing/invoices/{user_id}"):
        document["paths"][path]["get"]["parameters"][0]["schema"] = {"const": str(JANES_ID)}
    keys = ("-H", f"Authorization: Bearer {JANES_KEY}", "-H", f"X-API-Key: {JANES_KEY}")
    attack(patient_site, document, tmp_path, *keys)
    assert patient_site.owed() > 350.0, "nothing was recorded"
    patient_site.books_balance()
