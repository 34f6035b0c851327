"""What the Checkout page looks like. Everything from outside is escaped."""

from dataclasses import dataclass, field
from html import escape

from .errors import Json

STYLE = """
:root { color-scheme: light dark; --ground: #f5f7f9; --card: #fff; --line: #d8dde4; --text: #18202b; --soft: #566072;
  --accent: #0c6f67; --on: #fff; --bad: #a8201a; --bad-soft: #fce3e0; }
@media (prefers-color-scheme: dark) { :root { --ground: #13171d; --card: #1a1f27; --line: #2e3641; --text: #e7ebf1;
  --soft: #9aa5b5; --accent: #35cdb9; --on: #06201c; --bad: #ff8a80; --bad-soft: #451d1b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
.bar { background: var(--accent); color: var(--on); padding: 8px 16px; font-weight: 600; letter-spacing: .04em; }
main { max-width: 860px; margin: 40px auto; padding: 0 16px; display: grid; gap: 24px;
  grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); align-items: start; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 24px; }
h1 { margin: 0; font-size: 34px; font-variant-numeric: tabular-nums; }
h2 { margin: 0 0 12px; font-size: 16px; }
p { margin: 4px 0 12px; } .soft { color: var(--soft); }
label { display: block; margin: 12px 0 4px; font-size: 13px; color: var(--soft); }
input { width: 100%; padding: 9px 10px; border: 1px solid var(--line); border-radius: 6px; background: var(--ground);
  color: var(--text); font: inherit; }
input:focus, button:focus, a:focus { outline: 2px solid var(--accent); outline-offset: 1px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; }
button { width: 100%; margin-top: 16px; padding: 11px; border: 1px solid var(--accent); border-radius: 6px;
  font: inherit; font-weight: 600; background: var(--accent); color: var(--on); cursor: pointer; }
button.other { background: transparent; color: var(--accent); margin-top: 8px; font-weight: 400; }
.problem { background: var(--bad-soft); color: var(--bad); border-radius: 6px; padding: 10px 12px; }
table { width: 100%; border-collapse: collapse; } td { padding: 6px 0; } td:last-child { text-align: right; }
a { color: var(--accent); } form + p { margin-top: 16px; }
"""
DEBIT = """
<button class="other" name="bank_debit" value="succeeds">Pay by bank debit</button>
<button class="other" name="bank_debit" value="bounces">Pay by bank debit that bounces</button>"""
HINT = """
<p class="soft">4242 4242 4242 4242 pays · 4000 0000 0000 0002 is declined · 4000 0025 0000 3155 asks to confirm</p>
"""


@dataclass(frozen=True)
class Shown:
    """What is on the page: a message alone, or the payment of a session.

    Args:
        problem: Why paying did not work.
        asks: The bank asks the holder to confirm.
    """

    title: str
    words: str = ""
    back: str | None = None
    session: Json | None = None
    form: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    asks: bool = False

    @classmethod
    def of(cls, session: Json, *, form: dict[str, str] | None = None, problem: str = "", asks: bool = False) -> "Shown":
        title = f"Pay {amount(session['amount_total'], session['currency'])}"
        return cls(title, "", session["cancel_url"], session, form or {}, problem, asks)


def amount(cents: int, currency: str) -> str:
    sign = "$" if currency == "usd" else f"{currency.upper()} "
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def page(shown: Shown) -> str:
    """The whole page."""
    if shown.session is None:
        body = f"<section><h2>{escape(shown.title)}</h2><p>{escape(shown.words)}</p>{_back(shown)}</section>"
    elif shown.asks:
        body = _summary(shown) + _question(shown)
    else:
        body = _summary(shown) + _form(shown)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(shown.title)} · Sandbox Checkout</title><style>{STYLE}</style></head>"
        f'<body><div class="bar">SANDBOX · no real money</div><main>{body}</main></body></html>'
    )


def _back(shown: Shown) -> str:
    return f'<p><a href="{escape(shown.back)}">Back</a></p>' if shown.back else ""


def _summary(shown: Shown) -> str:
    session = shown.session or {}
    rows = "".join(
        f"<tr><td>{escape(str(line['description']))}{_times(line['quantity'])}</td>"
        f"<td>{amount(line['amount_total'], line['currency'])}</td></tr>"
        for line in session["_lines"]
    )
    total = amount(session["amount_total"], session["currency"])
    cancel = f'<p><a href="{escape(shown.back)}">Cancel and go back</a></p>' if shown.back else ""
    return f'<section><p class="soft">BioQL</p><h1>{total}</h1><table>{rows}</table>{cancel}</section>'


def _times(quantity: int) -> str:
    return f" × {quantity}" if quantity > 1 else ""


def _form(shown: Shown) -> str:
    def value(name: str) -> str:
        return escape(shown.form.get(name, ""))

    problem = f'<p class="problem" role="alert">{escape(shown.problem)}</p>' if shown.problem else ""
    methods = (shown.session or {})["payment_method_types"]
    card = _card(escape(shown.title), value("exp")) if "card" in methods else ""
    debit = DEBIT if "us_bank_account" in methods else ""
    return f"""<section><h2>{"Pay by card" if card else "Pay by bank debit"}</h2>{problem}<form method="post">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="email" value="{value("email")}">
{card}{debit}</form>{HINT if card else ""}</section>"""


def _card(title: str, exp: str) -> str:
    return f"""<label for="card_number">Card number</label>
<input id="card_number" name="card_number" inputmode="numeric" autocomplete="cc-number"
  placeholder="4242 4242 4242 4242">
<div class="pair"><div><label for="exp">Expiry</label>
<input id="exp" name="exp" autocomplete="cc-exp" placeholder="MM / YY" value="{exp}"></div>
<div><label for="cvc">CVC</label>
<input id="cvc" name="cvc" inputmode="numeric" autocomplete="cc-csc" placeholder="123"></div>
</div><button id="pay">{title}</button>"""


def _question(shown: Shown) -> str:
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(shown.form.get(name, ""))}">'
        for name in ("card_number", "exp", "cvc", "email")
    )
    return f"""<section><h2>Your bank asks you to confirm</h2>
<p>Confirm {escape(shown.title.removeprefix("Pay "))} to BioQL.</p><form method="post">{kept}
<button name="challenge" value="confirmed">Confirm payment</button>
<button class="other" name="challenge" value="refused">Refuse</button></form></section>"""
