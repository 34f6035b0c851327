"""The symptoms that BioQL's operators know: each is caused, found by the doctor, cured, and gone."""

from typing import Any

from bioql_console.domain.outbox import MessageKind
from bioql_console.domain.paging import CheckoutQuery, EventQuery
from bioql_console.domain.users import ApiKey, NewUser
from tests.sites import Site
from tests.waiting import wait_until

UNKNOWN_KEY = "bioql_this_key_was_replaced_long_ago"


def symptom(site: Site, name: str) -> Any:
    (found,) = site.console.doctor.run((name,))
    return found


def test_nothing_is_wrong_with_a_site_in_order(site: Site) -> None:
    for name in ("unbillable", "api_keys", "missed_payments", "events", "collected_twice", "disputes"):
        assert symptom(site, name).ok is True, name


def test_invalid_api_key_names_the_key_by_its_beginning(site: Site) -> None:
    for _ in range(3):
        answer = site.http.get("/auth/user", headers={"Authorization": f"Bearer {UNKNOWN_KEY}"})
        assert answer.json() == {"error": "Invalid API key"}
    site.console.users._refused.flush()
    found = symptom(site, "api_keys")
    assert found.ok is False
    assert "bioql_this…_ago (3×)" in found.what
    assert UNKNOWN_KEY not in found.what
    assert found.subject == "bioql_this"


def test_unknown_keys_by_the_thousand_are_not_all_remembered(site: Site) -> None:
    refused = site.console.users._refused
    for number in range(1_000):
        refused.note(f"bioql_{number:04d}_made_up_key_{number:04d}")
    refused.flush()
    with site.console.store.read() as work:
        assert 0 < len(work.refused_keys.since(0)) <= 200


def test_a_user_who_was_registered_although_the_card_was_refused(site: Site) -> None:
    console = site.console
    with console.store.write() as work:
        work.users.add(NewUser("Nia Nobill", "nia@uni.example", ApiKey.of("bioql_nias_key"), console.now_ms()))
        work.commit()
    (nia,) = [user for user in users(site) if user.name == "Nia Nobill"]
    assert symptom(site, "unbillable").ok is True
    console.usage.record(nia, shots=10, backend="ionq_qpu")
    found = symptom(site, "unbillable")
    assert found.ok is False
    assert "Nia Nobill" in found.what
    console.users.create_customer(nia.id, "ana")
    assert symptom(site, "unbillable").ok is True


def users(site: Site) -> list[Any]:
    from bioql_console.domain.paging import UserQuery

    with site.console.store.read() as work:
        return list(work.users.page(UserQuery(), None, 100).rows)


def test_a_user_without_customer_is_listed_until_one_is_created(site: Site) -> None:
    key = "bioql_key_of_somebody_without"
    with site.console.store.write() as work:
        made = work.users.add(NewUser("No Customer", "none@uni.example", ApiKey.of(key), site.console.now_ms()))
        work.commit()
    site.console.users.adjust(made.id, 20_000_000, "ana", "so that something is owed")
    headers = {"Authorization": f"Bearer {key}"}
    assert site.create_payment(20.0, headers).json() == {"error": "No Stripe customer ID found"}
    assert symptom(site, "customers").ok is False
    for user in users(site):
        if user.stripe_customer_id is None:
            site.console.users.create_customer(user.id, "ana")
    assert symptom(site, "customers").ok is True
    assert site.create_payment(20.0, headers).status_code == 200


def test_balance_still_shows_after_payment_until_the_missed_event_is_fetched(site: Site) -> None:
    console = site.console
    console.sandbox.delivery(paused=True)
    site.pay(site.create_payment().json()["url"])
    # Nothing was delivered for ten minutes, by the sandbox's clock.
    console.sandbox.advance_clock(600)
    assert site.owed() == 350.0
    console.missed_events._now_ms = lambda: console.now_ms() + 600_000
    found = symptom(site, "missed_payments")
    assert found.ok is False
    assert "checkout.session.completed" in found.what
    fetched = console.missed_events.fetch("ana")
    assert "checkout.session.completed" in {event.type for event in fetched.events}
    wait_until(lambda: site.owed() == 0.0)
    assert symptom(site, "missed_payments").ok is True
    console.sandbox.delivery(paused=False)
    wait_until(lambda: sources(site) >= {"backfill"})
    site.settled()
    assert site.owed() == 0.0
    site.books_balance()


def sources(site: Site) -> set[str]:
    with site.console.store.read() as work:
        return {event.source.value for event in work.inbox.page(EventQuery(), None, 100).rows}


def test_stripe_would_bill_what_was_paid_by_link_until_it_is_told(site: Site) -> None:
    console = site.console
    with console.store.write() as work:
        work.outbox.add(
            MessageKind.BALANCE_CREDIT,
            "credit-pi_lost",
            user_id=1,
            stripe_customer_id="cus_nobody_knows",
            value=35_000,
            occurred_ms=console.now_ms(),
            extra={"description": "Paid by Checkout"},
        )
        work.commit()
    console.outbox.send_due()
    wait_until(lambda: symptom(site, "collected_twice").ok is False)
    assert "$350.00 paid by link" in symptom(site, "collected_twice").what


def test_a_dispute_asks_for_an_answer(site: Site) -> None:
    site.pay(site.create_payment().json()["url"])
    wait_until(lambda: site.owed() == 0.0)
    assert symptom(site, "disputes").ok is True
    with site.console.store.read() as work:
        (link,) = work.checkouts.page(CheckoutQuery(), None, 10).rows
    dispute = site.console.sandbox.dispute(link.payment_intent)
    wait_until(lambda: symptom(site, "disputes").ok is False)
    assert symptom(site, "disputes").what.startswith("1 dispute asks for evidence, the first until ")
    assert "$350.00" in symptom(site, "disputes").what
    site.console.sandbox.dispute_changes(dispute["id"], "won")
    wait_until(lambda: symptom(site, "disputes").ok is True)
