"""What the server says of itself when it starts: the lines that would have shown the original incident."""


def start_up_report(stripe_enabled: bool, webhooks_enabled: bool, invoice_threshold_cents: int) -> list[str]:
    """The report's lines, in the words that BioQL's operators know."""
    states = {True: "True", False: "False"}
    lines = [
        "Stripe Integration:",
        f"  Enabled: {states[stripe_enabled]}",
        f"  Invoice Threshold: ${invoice_threshold_cents // 100}",
        f"  Webhooks: {states[webhooks_enabled]}",
    ]
    if stripe_enabled:
        lines += ["Stripe integration enabled", "Stripe meter and pricing configured"]
    else:
        lines.append("Stripe integration DISABLED: started without STRIPE_SECRET_KEY; customers can't pay")
    if webhooks_enabled:
        lines.append("Stripe webhook handler enabled")
    else:
        lines.append("Stripe webhook handler DISABLED: started without STRIPE_WEBHOOK_SECRET; payments go unnoticed")
    return lines
