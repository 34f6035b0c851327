"""The questions of what a key may do fit Stripe's API, cover all that we call, and do nothing."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from bioql_console.services.key_permissions import NEEDLESS, PROBES
from bioql_console.services.stripe_catalog import CALLS
from tests.gateway.lab import Lab, call_of
from tests.gateway.walks import metered, paid
from tests.sdk_schema import SdkSchema


def test_every_permission_is_asked_for() -> None:
    asked = {permission for permission, *_ in PROBES}
    assert {call.permission for call in CALLS} <= asked


@pytest.mark.parametrize(("method", "path", "params"), [probe[1:] for probe in PROBES])
def test_a_question_is_one_of_stripes_calls(method: str, path: str, params: dict[str, object]) -> None:
    sdk = SdkSchema()
    schema = {**sdk.parameters(call_of(method.upper(), path)), "components": sdk.components}
    errors = [error for error in Draft202012Validator(schema).iter_errors(params) if error.validator != "required"]
    assert errors == []


@pytest.mark.parametrize("path", NEEDLESS.values())
def test_what_is_never_used_is_only_read(path: str) -> None:
    assert call_of("GET", path)


def test_a_question_does_nothing(tmp_path: Path) -> None:
    """Asked with a key that may do everything, nothing at Stripe is other than before."""
    lab = Lab(tmp_path)
    paid(lab)
    metered(lab)
    dump = list(lab.sandbox._store.db.execute("SELECT kind, id, body FROM objects ORDER BY seq"))
    for _, method, path, params in PROBES:
        assert lab.gateway.may(method, path, params)
    assert list(lab.sandbox._store.db.execute("SELECT kind, id, body FROM objects ORDER BY seq")) == dump
    lab.close()
