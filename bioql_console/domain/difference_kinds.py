"""Every way in which our books and Stripe can differ, as data: what it means, and what mends it."""

from enum import Enum

from bioql_console.domain.repairs import Repair, Words


class Kind(Enum):
    """Every way in which books and Stripe can differ."""

    PAYMENT_MISSED = Words(
        "payment_missed",
        "Payment not in the books",
        "The user still owes what is paid, and may be asked again.",
        Repair.APPLY,
        cash=True,
    )
    PAYMENT_BY_HAND = Words(
        "payment_by_hand",
        "Payment taken at Stripe by hand",
        "It lowers no debt until it is posted.",
        Repair.POST_PAYMENT,
        cash=True,
    )
    PAYMENT_OF_DUPLICATE = Words(
        "payment_of_duplicate",
        "Payment by a second customer of a user",
        "The user still owes what is paid.",
        Repair.POST_PAYMENT,
        cash=True,
    )
    PAYMENT_FOREIGN = Words(
        "payment_foreign",
        "Payment that is not ours",
        "The cash at Stripe is more than these books explain.",
        step="If another product uses this Stripe account, accept it. Else find out in Stripe's dashboard who paid.",
        cash=True,
    )
    PAYMENT_CURRENCY = Words(
        "payment_currency",
        "Payment in another currency",
        "These books are in dollars and can't hold it; it is in no total.",
        step="Refund it in Stripe's dashboard and send a link in dollars, or adjust the user's balance and accept it.",
    )
    PAYMENT_UNKNOWN = Words(
        "payment_unknown",
        "Payment in the books that Stripe never collected",
        "A debt counts as paid though nobody paid it.",
        Repair.CORRECT_BOOKS,
        cash=True,
    )
    PAYMENT_AMOUNT = Words(
        "payment_amount",
        "Payment of another amount",
        "The books count more or less than was paid.",
        Repair.CORRECT_BOOKS,
        cash=True,
    )
    PAYER_DIFFERS = Words(
        "payer_differs",
        "Payment posted to another user",
        "Whoever paid still owes it; somebody else does not.",
        step="Adjust both users' balances by the amount, each with this payment as the reason, then accept it.",
    )
    PAID_TWICE = Words(
        "paid_twice",
        "Paid twice",
        "The user paid the same debt twice; the second payment is credit now.",
        Repair.REFUND,
    )
    REFUND_MISSED = Words(
        "refund_missed",
        "Refund not in the books",
        "Money went back, but the books still count it.",
        Repair.APPLY,
        cash=True,
    )
    REFUND_NOT_MADE = Words(
        "refund_not_made",
        "Refund in the books that Stripe did not pay out",
        "The user is asked for money that never went back.",
        Repair.CORRECT_BOOKS,
        cash=True,
    )
    REFUND_FAILED = Words(
        "refund_failed",
        "Refund failed, and the books still count it",
        "The user is asked for money that never went back.",
        Repair.APPLY,
        cash=True,
    )
    DISPUTE_MISSED = Words(
        "dispute_missed",
        "Dispute not in the books",
        "A bank holds money that the books still count.",
        Repair.APPLY,
        cash=True,
    )
    DISPUTE_OUTCOME = Words(
        "dispute_outcome",
        "Outcome of a dispute not in the books",
        "The money is held in the books although the bank has decided.",
        Repair.APPLY,
        cash=True,
    )
    DISPUTE_UNKNOWN = Words(
        "dispute_unknown",
        "Dispute in the books that Stripe does not have",
        "Money counts as held that nobody holds.",
        Repair.CORRECT_BOOKS,
        cash=True,
    )
    CASH_UNKNOWN = Words(
        "cash_unknown",
        "Entry against Stripe's account that names no payment",
        "The cash in the books is not the cash at Stripe.",
        step="Look at the entry in the ledger and reverse it by an adjustment if nobody can say what it is.",
        cash=True,
    )
    UNEXPLAINED = Words(
        "unexplained",
        "Rest that no difference explains",
        "The totals do not tie, and the console can't say why.",
        step="Reconcile a shorter period around this day, then report it with the export.",
        cash=True,
    )
    INVOICE_MISSED = Words(
        "invoice_missed",
        "Invoice not in the books",
        "A link may collect the same once more.",
        Repair.APPLY,
    )
    INVOICE_DIFFERS = Words(
        "invoice_differs",
        "Invoice stands otherwise at Stripe",
        "What an open invoice collects is not what the books expect.",
        Repair.APPLY,
    )
    INVOICE_UNKNOWN = Words(
        "invoice_unknown",
        "Invoice in the books that Stripe does not have",
        "The books wait for money that no invoice asks for.",
        step="Check that the key belongs to these books' Stripe account. A draft that was deleted can be accepted.",
    )
    CUSTOMER_DUPLICATE = Words(
        "customer_duplicate",
        "Two customers of one user",
        "Cards, credit and usage may lie with the one that nobody invoices.",
        Repair.DELETE_CUSTOMER,
        step="If another product uses it, accept it. Else move what it has in Stripe's dashboard and delete it there.",
    )
    CUSTOMER_UNLINKED = Words(
        "customer_unlinked",
        "Customer of ours that no user has",
        "What it uses or pays reaches nobody's books.",
        Repair.LINK_CUSTOMER,
        step="Register the user with this address again, or delete the customer at Stripe.",
    )
    CUSTOMER_DELETED = Words(
        "customer_deleted",
        "Customer was deleted at Stripe",
        "The user can't pay, and usage is refused.",
        Repair.MAKE_CUSTOMER,
    )
    CUSTOMER_UNKNOWN = Words(
        "customer_unknown",
        "Customer that this Stripe account does not have",
        "The user can't pay, and usage is refused.",
        Repair.MAKE_CUSTOMER,
    )
    CUSTOMER_MISSING = Words(
        "customer_missing",
        "User who owes and has no customer",
        "Nothing can be collected: no link, no invoice.",
        Repair.MAKE_CUSTOMER,
    )
    SUBSCRIPTION_MISSED = Words(
        "subscription_missed",
        "Subscription not in the books",
        "Stripe invoices usage that links collect as well.",
        Repair.APPLY,
    )
    SUBSCRIPTION_ENDED = Words(
        "subscription_ended",
        "Subscription has ended at Stripe",
        "The books expect Stripe to invoice usage, and nobody does.",
        Repair.APPLY,
    )
    SUBSCRIPTION_SECOND = Words(
        "subscription_second",
        "Second metered subscription of a user",
        "Stripe invoices the same usage twice.",
        step="Cancel one of the two in Stripe's dashboard, without an invoice.",
    )
    SUBSCRIPTION_PRICE = Words(
        "subscription_price",
        "Subscription bills another price",
        "Usage is invoiced at a price that is not BioQL's.",
        step="Open the Meter page and repair the price; then move the subscription to it.",
    )
    PRICE_DIFFERS = Words(
        "price_differs",
        "Meter or price at Stripe is not as it should be",
        "Units at Stripe are not cents, so the totals can't agree.",
        step="Open the Meter page; it says what differs and offers the repair.",
    )
    BALANCE_NOT_TOLD = Words(
        "balance_not_told",
        "Credit that Stripe's balance lacks",
        "The next invoice collects what is paid already.",
        Repair.TELL_BALANCE,
    )
    BALANCE_TOLD_TWICE = Words(
        "balance_told_twice",
        "Credit that Stripe's balance has twice",
        "The next invoice collects too little.",
        Repair.UNDO_BALANCE,
    )
    BALANCE_AMOUNT = Words(
        "balance_amount",
        "Credit of another amount in Stripe's balance",
        "The next invoice collects too much or too little.",
        Repair.UNDO_BALANCE,
    )
    BALANCE_BY_HAND = Words(
        "balance_by_hand",
        "Stripe's balance was changed by hand",
        "The next invoice asks for another amount than the books say.",
        Repair.UNDO_BALANCE,
    )
    USAGE_NOT_METERED = Words(
        "usage_not_metered",
        "Usage that was never metered",
        "It is owed, but no invoice of Stripe's asks for it.",
        Repair.QUEUE_USAGE,
        step="Stripe takes usage up to 35 days back: send a link, or put it on an invoice.",
    )
    USAGE_REFUSED = Words(
        "usage_refused",
        "Usage that Stripe refused",
        "It is owed, but no invoice of Stripe's asks for it.",
        Repair.SEND_AGAIN,
    )
    METER_LACKS = Words(
        "meter_lacks",
        "Stripe's meter counted less than was sent",
        "It is owed, but no invoice of Stripe's asks for it.",
        Repair.COUNT_MISSING,
        step="Stripe takes usage up to 35 days back: send a link, or put it on an invoice.",
    )
    METERED_TWICE = Words(
        "metered_twice",
        "Stripe's meter counted usage twice",
        "The next invoice asks for too much.",
        Repair.CREDIT_USAGE,
    )
    METERED_TEST = Words(
        "metered_test",
        "Test usage on a customer's meter",
        "The next invoice asks for it.",
        Repair.CANCEL_USAGE,
    )
    METERED_FOREIGN = Words(
        "metered_foreign",
        "Usage on the meter that is not ours",
        "The next invoice asks for usage that is in nobody's books.",
        Repair.CREDIT_USAGE,
    )


BY_CODE = {kind.value.code: kind for kind in Kind}
