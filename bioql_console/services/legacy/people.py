"""Users of the file: who they are, and who of them is here already."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bioql_console.domain.imports import Known
from bioql_console.domain.legacy import PLANS, fold_address, micros_of, text_of, word_of
from bioql_console.domain.users import (
    DEV_KEY_PREFIX,
    EMAIL,
    LONGEST_EMAIL,
    LONGEST_NAME,
    ApiKey,
    NewUser,
    Plan,
    hash_key,
    new_api_key,
)
from bioql_console.services.legacy.job import Job, Page, Person
from bioql_console.services.legacy.ports import LegacyRow

# Numbers up to here are kept; a greater one would use up the ids of those who register later.
HIGHEST_KEPT_ID = 10**12
NO_KEY = "none"
USERS = "users"


class People:
    """Turns rows of `users` into users of ours."""

    def __init__(self, job: Job) -> None:
        self._job = job
        source = job.source
        self._repeated = {
            column: source.repeated(USERS, column) for column in ("email", "api_key", "stripe_customer_id")
        }
        self._next_id = max(job.known.highest_user_id(), source.highest_id(HIGHEST_KEPT_ID)) + 1

    def page(self, rows: Sequence[LegacyRow]) -> Page:
        """The users of these rows, stored where they are new."""
        read = [(row[0], self._read(row)) for row in rows]
        people = {person.legacy_id: person for _, person in read if person is not None}
        known = self._job.known.known(self._job.lineage, list(people), [person.new for person in people.values()])
        for person in people.values():
            self._match(person, known)
        self._store(people, known)
        left_out = frozenset(owner for owner, person in read if person is None and owner is not None)
        return Page(people, left_out, rows[-1][0])

    def _store(self, people: Mapping[int, Person], known: Known) -> None:
        job = self._job
        new = [person for person in people.values() if not person.was_here]
        job.sink.add_users((person.user_id, person.new, person.last_used_ms) for person in new)
        origins = {legacy: person.user_id for legacy, person in people.items() if legacy not in known.by_legacy}
        job.sink.add_origins(job.lineage, origins)
        job.tally.brought.users += len(people)
        job.tally.added.users += len(new)
        for person in people.values():
            if not person.new.stripe_customer_id:
                job.tally.without_customer.append(person.legacy_id)

    # --- one row ---

    def _read(self, row: LegacyRow) -> Person | None:
        owner, row_id, email, name, key, tier, balance, customer, subscription, created, last_used = row
        address = self._address(owner, row_id, email)
        if owner is None or address is None:
            return None
        job = self._job
        new = NewUser(
            name=self._name(row_id, name) or address,
            email=address,
            key=self._key(row_id, key),
            created_ms=job.time_of(USERS, row_id, "created_at", created, job.now_ms),
            plan=self._plan(row_id, tier),
            stripe_customer_id=self._customer(row_id, customer),
            stripe_subscription_id=text_of(subscription) or None,
        )
        seen = None
        if text_of(last_used):
            seen = job.time_of(USERS, row_id, "last_used", last_used, 0) or None
        return Person(owner, new, seen, self._prepaid(row_id, balance))

    def _address(self, owner: int | None, row_id: int | str | None, email: object) -> str | None:
        """The e-mail address by which somebody is known; None leaves them out."""
        address = fold_address(email)
        if owner is None:
            self._leave_out(row_id, "id is no whole number", "Its id is no whole number; left out.")
        elif not address or len(address) > LONGEST_EMAIL or any(letter.isspace() for letter in address):
            self._leave_out(row_id, "no e-mail address", "It has no usable e-mail address; left out.")
        elif (first := self._repeated["email"].get(address, row_id)) != row_id:
            words = f"It has the same e-mail address as user {first}; left out."
            self._leave_out(row_id, "e-mail address twice", words)
        else:
            if not EMAIL.fullmatch(address):
                words = "Its e-mail address does not look like one; brought in as it is."
                self._job.problem(USERS, row_id, "odd e-mail address", words)
            return address
        return None

    def _leave_out(self, row_id: int | str | None, kind: str, words: str) -> None:
        self._job.problem(USERS, row_id, kind, words, left_out=True)

    def _name(self, row_id: int | str | None, name: object) -> str:
        clean = text_of(name)
        if len(clean) > LONGEST_NAME:
            self._job.problem(USERS, row_id, "name too long", f"Its name was cut to {LONGEST_NAME} characters.")
        return clean[:LONGEST_NAME].strip()

    def _key(self, row_id: int | str | None, key: object) -> ApiKey:
        if not isinstance(key, str) or not key:
            if self._job.source.has(USERS, "api_key"):
                self._job.problem(USERS, row_id, "no API key", "It has no API key; issue one.")
            return _no_key()
        first = self._repeated["api_key"].get(key, row_id)
        if first != row_id:
            words = f"It has the API key of user {first}, who keeps it; issue another."
            self._job.problem(USERS, row_id, "API key twice", words)
            return _no_key()
        if key.startswith(DEV_KEY_PREFIX):
            words = "Its API key is a development key, which never reaches real users; issue another."
            self._job.problem(USERS, row_id, "development key", words)
        return ApiKey.of(key)

    def _plan(self, row_id: int | str | None, tier: object) -> Plan:
        word = word_of(tier)
        plan = PLANS.get(word or Plan.FREE.value)
        if plan is None:
            self._job.problem(USERS, row_id, "unknown tier", "Its tier is none of ours; it has the free plan now.")
        return plan or Plan.FREE

    def _customer(self, row_id: int | str | None, customer: object) -> str | None:
        customer_id = text_of(customer)
        first = self._repeated["stripe_customer_id"].get(customer_id, row_id)
        if first != row_id:
            words = f"It has the Stripe customer of user {first}, who keeps it; create another."
            self._job.problem(USERS, row_id, "Stripe customer twice", words)
            return None
        return customer_id or None

    def _prepaid(self, row_id: int | str | None, balance: object) -> int:
        if not self._job.source.has(USERS, "balance"):
            return 0
        try:
            return micros_of(balance)
        except ValueError as wrong:
            words = f"balance {wrong}; no prepaid credit was counted."
            self._job.problem(USERS, row_id, f"balance {wrong}", words)
            return 0

    # --- who is here ---

    def _match(self, person: Person, known: Known) -> None:
        """Find the user here, or make a new one of what is still free."""
        by_import = known.by_legacy.get(person.legacy_id)
        found = by_import or known.by_email.get(person.new.email)
        if found is None:
            self._make(person, known)
            return
        person.user_id, person.was_here = found, True
        address, key, customer = known.profiles[found]
        if by_import is None:
            words = f"User {found} here has its e-mail address; it was added to that user, of whom nothing was changed."
            self._job.problem(USERS, person.legacy_id, "e-mail address is here already", words)
        elif (person.new.email, person.new.key.sha256) != (address, key) and person.new.key.hint != NO_KEY:
            words = f"Its e-mail address or API key differs from that of user {found} here, where nothing was changed."
            self._job.problem(USERS, person.legacy_id, "differs from here", words)
        if not customer and person.new.stripe_customer_id:
            words = f"It has a Stripe customer, user {found} here has none; nothing was changed."
            self._job.problem(USERS, person.legacy_id, "Stripe customer not taken over", words)
        person.new = replace(person.new, stripe_customer_id=customer or None)

    def _make(self, person: Person, known: Known) -> None:
        new = person.new
        if (other := known.by_key.get(new.key.sha256)) is not None:
            words = f"Its API key is that of user {other} here, who keeps it; issue another."
            self._job.problem(USERS, person.legacy_id, "API key is here already", words)
            new = replace(new, key=_no_key())
        if (other := known.by_customer.get(new.stripe_customer_id or "")) is not None:
            words = f"Its Stripe customer is that of user {other} here, who keeps it; create another."
            self._job.problem(USERS, person.legacy_id, "Stripe customer is here already", words)
            new = replace(new, stripe_customer_id=None, stripe_subscription_id=None)
        person.new = new
        if 0 < person.legacy_id <= HIGHEST_KEPT_ID and person.legacy_id not in known.taken:
            person.user_id = person.legacy_id
        else:
            person.user_id, self._next_id = self._next_id, self._next_id + 1


def _no_key() -> ApiKey:
    """What nobody's key hashes to."""
    return ApiKey(hash_key(new_api_key()), NO_KEY)
