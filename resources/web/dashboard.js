"use strict";
// What happens when: signing in and out, loading, and telling what went wrong.

let retryTimer = 0;

function showEntrance() {
  $("enter").hidden = false;
  $("account").hidden = true;
  $("leave").hidden = true;
  $("key").focus();
}

function showAccount() {
  $("enter").hidden = true;
  $("account").hidden = false;
  $("leave").hidden = false;
}

function signOut() {
  clearTimeout(retryTimer);
  session.end();
  forgetAccount();
  notice("");
  showEntrance();
}

/** Say what went wrong. `retry` is offered where trying again may help; writes are never repeated by themselves. */
function showProblem(error, retry = null) {
  const problem = error instanceof Problem ? error : new Problem("other", t("unexpected"));
  if (problem !== error) console.error(error);
  if (problem.kind === "gone") return;
  if (problem.kind === "key") {
    signOut();
    invalid("key", true);
  }
  if (problem.kind === "limited" && retry) {
    retryTimer = setTimeout(retry, problem.waitSeconds * 1000);
    notice(t("limitedRetry", { wait: seconds.format(problem.waitSeconds) }), "warn");
    return;
  }
  notice(problem.message, problem.kind === "offline" ? "warn" : "bad", problem.kind === "key" ? null : retry);
}

/** The balance first, alone: a wrong key is then refused once and not three times. */
async function load() {
  clearTimeout(retryTimer);
  showAccount();
  notice(t("loading"));
  $("account").setAttribute("aria-busy", "true");
  try {
    showInvoices(await ask("/dashboard/invoices"));
    session.keep();
    const rest = [["/auth/user", showPerson], ["/analytics/usage", showUsage]];
    const done = await Promise.allSettled(rest.map(async ([path, show]) => show(await ask(path))));
    const failed = done.find((part) => part.status === "rejected");
    if (failed) throw failed.reason;
    notice("");
    return true;
  } catch (error) {
    showProblem(error, openAccount);
    return false;
  } finally {
    $("account").removeAttribute("aria-busy");
  }
}

/** Load, and go on with a payment that is on its way. */
async function openAccount() {
  if (!(await load()) || !outcome()) return;
  if (outcome() === "success") {
    await waitForPayment().catch((error) => showProblem(error, openAccount));
    return;
  }
  if (outcome() === "cancel") notice(t("cancelled"), "warn");
  forgetOutcome();
}

function enter() {
  const key = $("key").value.trim();
  const sendable = /^[\x21-\x7e]+$/.test(key);   // anything else can't travel in a header
  $("key").value = "";
  invalid("key", !sendable);
  if (!sendable) {
    notice(t(key ? "keyWrong" : "keyMissing"), "warn");
    $("key").focus();
    return;
  }
  session.begin(key);
  openAccount();
}

function start() {
  fillTexts();
  if (session.key) {
    openAccount();
    return;
  }
  showEntrance();
  if (outcome() === "success") notice(t("receivedSignIn"));
}

function backOnline() {
  notice(waitingForPayment ? t("received") : "");
  if (session.key && !waitingForPayment) openAccount();
}

$("enter").addEventListener("submit", (event) => { event.preventDefault(); enter(); });
$("leave").addEventListener("click", () => { forgetOutcome(); signOut(); });
window.addEventListener("offline", () => notice(t("offline"), "warn"));
window.addEventListener("online", backOnline);
// The browser's Back button may bring the page as it was left, with an old balance and "Opening…".
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
start();
