"""Every kind of object the sandbox knows. A new one is a file here and a line below."""

from dataclasses import replace

from . import (
    accounts,
    charges,
    checkout_payments,
    checkout_recovery,
    checkout_sessions,
    cli_sessions,
    credit_notes,
    customer_balance,
    customers,
    dispute_life,
    disputes,
    events,
    invoice_items,
    invoices,
    meter_events,
    meters,
    payment_intents,
    payment_methods,
    payment_pages,
    prices,
    products,
    refunds,
    subscription_params,
    subscriptions,
    webhook_endpoints,
)

ALL = (
    accounts.RESOURCE,
    charges.RESOURCE,
    replace(checkout_sessions.RESOURCE, jobs={**checkout_sessions.RESOURCE.jobs, **checkout_payments.JOBS}),
    cli_sessions.RESOURCE,
    credit_notes.RESOURCE,
    customer_balance.RESOURCE,
    customers.RESOURCE,
    disputes.RESOURCE,
    events.RESOURCE,
    invoice_items.RESOURCE,
    invoices.RESOURCE,
    invoices.PAYMENTS,
    meter_events.EVENTS,
    meter_events.ADJUSTMENTS,
    meter_events.EVENT_SUMMARIES,
    meters.RESOURCE,
    payment_intents.RESOURCE,
    payment_methods.RESOURCE,
    payment_pages.RESOURCE,
    prices.RESOURCE,
    products.RESOURCE,
    refunds.RESOURCE,
    subscriptions.RESOURCE,
    webhook_endpoints.RESOURCE,
)

# What `POST /_sandbox/<name>` does beyond Stripe's own API.
TROUBLE = {
    "recoveries": checkout_recovery.recover_by_hand,
    "refunds": refunds.refund_by_hand,
    "refund_fails": refunds.fail_by_hand,
    "disputes": dispute_life.dispute_by_hand,
    "dispute_changes": dispute_life.change_by_hand,
    "thresholds": subscription_params.switch_thresholds,
}
