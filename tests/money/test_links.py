"""One open link per balance, whatever is cut off and whoever presses; links that no longer fit; payments that don't."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from bioql_console.domain.checkout import CheckoutLink, CheckoutState
from bioql_console.domain.errors import OperatorError
from bioql_console.domain.paging import CheckoutQuery
from bioql_console.domain.users import User
from bioql_console.services.checkout_links import LONGEST_CALL_MS, CheckoutLinks
from tests.money.consoles import Console, lose_answer
from tests.money.test_invoices_and_links import agrees, month_is_invoiced, uses
from tests.money.world import BACK, DAY, HOUR, World


@pytest.fixture
def ada(world: World) -> User:
    """Owes $350.00."""
    ada = world.register("ada", "pm_card_visa")
    uses(world, ada, 360)
    world.drain()
    return ada


def links_of(world: World, user: User) -> list[CheckoutLink]:
    """Oldest first."""
    with world.database.read() as work:
        return list(work.checkouts.page(CheckoutQuery(user_id=user.id), None, 50).rows)[::-1]


def open_pages(world: World) -> list[Any]:
    return world.objects("checkout.session", status="open")


# --- one open link per balance ---


def test_of_two_consoles_that_press_at_once_the_later_link_stays(world: World, other: Console, ada: User) -> None:
    newer: list[CheckoutLink] = []
    other.way.before = lambda: newer.append(world.links.open(ada.id, **BACK))
    mine = other.links.open(ada.id, **BACK)
    assert mine.url == newer[0].url, "the slower console hands out the other's link"
    assert [page["url"] for page in open_pages(world)] == [mine.url]
    assert world.pay(mine.url) == 303
    world.drain()
    assert world.net_cents(ada.id) == 0
    assert [link.state.value for link in links_of(world, ada)] == ["expired", "paid"]
    agrees(world, ada)


def test_the_slower_console_closes_its_link_when_the_other_asks_for_another_sum(
    world: World, other: Console, ada: User
) -> None:
    part: dict[str, Any] = BACK | {"asked_micros": 50_000_000}
    other.way.before = lambda: world.links.open(ada.id, **part) and None
    with pytest.raises(OperatorError, match="Another console makes a link for ada right now"):
        other.links.open(ada.id, **BACK)
    assert [page["amount_total"] for page in open_pages(world)] == [5_000]


@pytest.mark.both_databases
def test_many_presses_on_two_consoles_leave_one_open_link(world: World, other: Console, ada: User) -> None:
    at_once = threading.Barrier(4)
    problems: list[BaseException] = []

    def press(links: CheckoutLinks) -> None:
        at_once.wait()
        for _ in range(5):
            try:
                links.open(ada.id, **BACK)
            except OperatorError as error:
                if error.code != "checkout.busy":
                    problems.append(error)
            except BaseException as error:
                problems.append(error)

    third = Console(world)
    threads = [threading.Thread(target=press, args=(each.links,)) for each in (other, other, third, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    third.database.close()
    assert not problems, problems
    world.links.recover()
    states = [link.state for link in links_of(world, ada)]
    assert len(open_pages(world)) == states.count(CheckoutState.OPEN) <= 1


def test_a_page_that_its_maker_stores_while_another_console_looks_for_it_is_closed(
    world: World, other: Console, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other console saw the link before it had a page, and Stripe before it made one."""
    link = world.links.open(ada.id, **BACK)
    monkeypatch.setattr(other.links, "find", lambda _link: None)
    other.links._close(replace(link, session_id=""))
    assert open_pages(world) == []
    assert [each.state for each in links_of(world, ada)] == [CheckoutState.EXPIRED]


def test_the_database_lets_one_open_link_through(world: World, ada: User) -> None:
    first, second = (
        CheckoutLink(f"ref-{number}", ada.id, 100, 1, CheckoutState.CREATING, world.now_ms()) for number in (1, 2)
    )
    with world.database.write() as work:
        assert work.checkouts.add(first)
        assert not work.checkouts.add(second)
        work.checkouts.set_state(first.reference, CheckoutState.FAILED)
        assert work.checkouts.add(second)


# --- answers that never came ---


@pytest.mark.both_databases
def test_a_link_whose_answer_was_lost_is_found_again(world: World, other: Console, ada: User) -> None:
    other.way.after = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    (link,) = links_of(world, ada)
    assert (link.state, link.url) == (CheckoutState.CREATING, "")
    assert world.links.recover(lost_only=True).changed == 1
    (found,) = links_of(world, ada)
    assert found.is_payable(world.now_ms())
    assert world.pay(found.url) == 303
    world.drain()
    assert world.net_cents(ada.id) == 0


def test_pressing_again_after_a_lost_answer_leaves_one_page(world: World, other: Console, ada: User) -> None:
    other.way.after = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    again = other.links.open(ada.id, **BACK)
    assert [page["url"] for page in open_pages(world)] == [again.url]
    world.drain()
    assert [link.state.value for link in links_of(world, ada)] == ["expired", "open"]


def test_a_page_that_comes_into_being_after_its_link_was_given_up_is_closed(
    world: World, other: Console, ada: User
) -> None:
    """The first console dies after a second one took its place, and before it could close what Stripe then made."""

    def killed() -> None:
        raise KeyboardInterrupt

    other.way.before = lambda: world.links.open(ada.id, **BACK) and None
    other.way.after = killed
    with pytest.raises(KeyboardInterrupt):
        other.links.open(ada.id, **BACK)
    assert len(open_pages(world)) == 2
    assert world.links.recover(lost_only=True).changed == 1
    (kept,) = [link for link in links_of(world, ada) if link.state is CheckoutState.OPEN]
    assert [page["url"] for page in open_pages(world)] == [kept.url]
    assert world.links.recover(lost_only=True).changed == 0


def test_a_link_that_is_found_again_and_asks_for_too_much_by_then_is_closed(
    world: World, other: Console, ada: User
) -> None:
    other.way.after = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    world.admin.adjust(ada.id, -300_000_000, "ana", "forgiven")
    world.drain()
    assert [page["amount_total"] for page in open_pages(world)] == [35_000], "nobody knows its name yet"
    assert world.links.recover(lost_only=True).changed == 1
    world.drain()
    assert not open_pages(world)
    agrees(world, ada)


def test_when_less_is_owed_before_stripe_has_made_the_page_it_is_closed_and_asked_for_again(
    world: World, other: Console, ada: User
) -> None:
    other.way.before = lambda: world.admin.adjust(ada.id, -300_000_000, "ana", "forgiven")
    with pytest.raises(OperatorError, match="ada owes less than when the link was asked for"):
        other.links.open(ada.id, **BACK)
    world.drain()
    assert not open_pages(world)
    assert other.links.open(ada.id, **BACK).amount_cents == 5_000


def test_a_link_that_stripe_never_made_is_given_up_in_time(world: World, other: Console, ada: User) -> None:
    other.way.before = lose_answer
    with pytest.raises(OperatorError):
        other.links.open(ada.id, **BACK)
    assert world.links.recover().changed == 0, "somebody may be asking right now"
    world.advance(LONGEST_CALL_MS // 1000)
    assert world.links.recover().changed == 1
    assert [link.state.value for link in links_of(world, ada)] == ["expired"]


def test_asking_stripe_about_a_paid_link_leaves_the_money_to_its_event(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    world.pay(link.url)
    found = world.links.recover()
    assert (found.changed, found.paid) == (0, 1)
    assert world.cash_cents() == 0
    world.drain()
    agrees(world, ada)  # Stripe was told, so that the month's invoice does not collect it again
    month_is_invoiced(world, ada)
    assert world.collected_cents() == 35_000


def test_a_link_that_another_account_has_is_given_up(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    with world.database.write() as work:
        work.checkouts.set_state(link.reference, CheckoutState.OPEN, session_id="cs_test_of_another_account")
        work.commit()
    world.links.open(ada.id, **BACK)
    assert [one.state.value for one in links_of(world, ada)] == ["expired", "open"]


# --- links that no longer fit ---


def test_links_say_when_they_no_longer_fit_and_what_renews_them(world: World, ada: User) -> None:
    whole = world.links.open(ada.id, **BACK)
    assert (whole.part, whole.is_outdated, whole.due_cents) == (False, False, 35_000)
    uses(world, ada, 40)
    (whole,) = links_of(world, ada)
    assert (whole.is_outdated, whole.renewal_micros) == (True, None)
    part = world.links.open(ada.id, asked_micros=100_000_000, **BACK)
    uses(world, ada, 40)
    (_, part) = links_of(world, ada)
    assert (part.part, part.is_outdated, part.renewal_micros) == (True, False, 100_000_000)
    world.admin.adjust(ada.id, -380_000_000, "ana", "as agreed")
    (_, part) = links_of(world, ada)
    assert (part.due_cents, part.is_outdated, part.renewal_micros) == (5_000, True, None)


def test_a_link_that_asks_for_too_much_is_closed(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    world.admin.adjust(ada.id, -10_000_000, "ana", "as agreed")
    world.drain()
    assert not open_pages(world)
    assert [one.state.value for one in links_of(world, ada)] == ["expired"]
    assert world.pay(link.url) != 303


def test_a_link_expires_by_the_clock_before_anybody_says_so(world: World, ada: User) -> None:
    link = world.links.open(ada.id, **BACK)
    assert link.expires_ms is not None
    assert link.is_payable(link.expires_ms - 1)
    assert not link.is_payable(link.expires_ms)


def test_a_page_that_stripe_made_again_is_recognised(world: World, ada: User) -> None:
    """Recovery is not asked for by us, but somebody may have switched it on; a copy carries our reference."""
    link = world.links.open(ada.id, **BACK)
    world.drain()
    session = world.sandbox._store.get("checkout.session", link.session_id)
    assert session is not None
    session["after_expiration"] = {"recovery": {"enabled": True}}
    with world.sandbox._store.transaction():
        world.sandbox._store.put(session)
    world.advance(DAY + HOUR)
    expired = world.pending_events()
    copy = world.control("recoveries", session=link.session_id)
    assert copy["recovered_from"] == link.session_id
    world.pay(copy["url"], bank_debit="succeeds")
    world.drain()
    world.deliver(expired)  # late: its successor is on its way already
    assert [one.state.value for one in links_of(world, ada)] == ["processing"]
    world.advance(2 * HOUR)
    world.drain()
    assert world.net_cents(ada.id) == 0
    agrees(world, ada)
