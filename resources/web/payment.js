"use strict";
// Paying: everything or another amount, and waiting for Stripe's word after the way back.

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const PATIENCE_MS = 120_000;

let waitingForPayment = false;
let opening = false;

/** "success" or "cancel" after the way back from Stripe's page; stays in the address until it is dealt with, so that a
 *  reload goes on waiting. */
function outcome() {
  return new URLSearchParams(location.search).get("payment");
}

function forgetOutcome() {
  history.replaceState(null, "", location.pathname);
}

/** What the Pay controls offer right now. While a payment is being confirmed they don't invite to pay twice. */
function showPaying() {
  const awaited = outcome() === "success";
  $("pay").disabled = owedCents < SMALLEST_CENTS || awaited || opening;
  $("pay-other").hidden = owedCents <= SMALLEST_CENTS || awaited;
  if ($("pay-other").hidden) showOtherAmount(false);
  $("amount-note").textContent = t("amountRange", { least: money(SMALLEST_CENTS), most: money(owedCents) });
}

function showOtherAmount(shown) {
  $("other-amount").hidden = !shown;
  $("pay-other").textContent = t(shown ? "payAll" : "payOther");
  $("pay-other").setAttribute("aria-expanded", String(shown));
  $("amount").value = "";
  invalid("amount", false);
  if (shown) $("amount").focus();
}

/** Cents to pay: everything, or what was typed; 0 when that is no amount, which is then said. */
function chosenCents() {
  if ($("other-amount").hidden) return owedCents;
  const typed = typedCents($("amount").value);
  if (typed >= SMALLEST_CENTS && typed <= owedCents) return typed;
  const example = numbers.format(Math.min(owedCents, 2500) / 100);
  $("amount-note").textContent = t("amountWrong", { least: money(SMALLEST_CENTS), most: money(owedCents), example });
  invalid("amount", true);
  $("amount").focus();
  return 0;
}

async function pay() {
  const amountCents = chosenCents();
  if (!amountCents || opening) return;
  opening = true;
  showPaying();
  notice(t("opening"));
  try {
    tab.write(PAYING, String(owedCents));
    const link = await ask("/billing/create-payment", { amount: amountCents / 100 });
    const address = new URL(link.url);
    if (!["https:", "http:"].includes(address.protocol)) throw new Problem("other", t("unexpected"));
    location.assign(address);
  } catch (error) {
    opening = false;
    showPaying();
    showProblem(error);
  }
}

/** Coming back proves nothing: only Stripe's event changes the balance, so that is what we wait for. */
async function waitForPayment() {
  waitingForPayment = true;
  notice(t("received"));
  try {
    const confirmed = await balanceFell(owedBeforePaying());
    tab.forget(PAYING);
    forgetOutcome();
    notice(t(confirmed ? "confirmed" : "confirmationLate"), confirmed ? "good" : "warn");
  } finally {
    waitingForPayment = false;
    showPaying();
  }
}

/** What was owed when Pay Now was pressed; null when another tab pressed it. */
function owedBeforePaying() {
  const before = tab.read(PAYING);
  return before === null ? null : Number(before);
}

async function balanceFell(before) {
  const deadline = Date.now() + PATIENCE_MS;
  for (let wait = FIRST_WAIT_MS; Date.now() < deadline; wait = Math.min(wait * 1.4, LONGEST_WAIT_MS)) {
    const longer = await lookAtBalance();
    if (owedCents < (before ?? owedCents) || owedCents === 0) return true;
    before ??= owedCents;
    await pause(Math.max(wait, longer * 1000));
  }
  return false;
}

/** Look once; the answer is how many seconds the server wants to be left alone. A server away is asked again. */
async function lookAtBalance() {
  try {
    showInvoices(await ask("/dashboard/invoices"));
  } catch (problem) {
    if (!(problem instanceof Problem) || ["key", "gone"].includes(problem.kind)) throw problem;
    return problem.waitSeconds;
  }
  return 0;
}

$("pay-form").addEventListener("submit", (event) => { event.preventDefault(); pay(); });
$("pay-other").addEventListener("click", () => { showOtherAmount($("other-amount").hidden); showPaying(); });
