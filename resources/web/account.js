"use strict";
// Painting what the server told. A figure stays empty until it is known: nothing here invents a zero.

const SMALLEST_CENTS = 50;
const STATUSES = ["paid", "pending", "overdue"];
const MONTHLY = /^Quantum computing usage (\d{4}-\d{2})$/;

const chart = new DayChart($("chart"), $("day"));
let owedCents = 0;

const cents = (amount) => Math.round(Number(amount) * 100);
const money = (amountCents) => dollars.format(amountCents / 100);

function showPerson(found) {
  $("who").replaceChildren(made("b", { text: String(found.name ?? "") }), made("span", { text: String(found.email ?? "") }));
}

/** Long amounts are set smaller: cut in two they would be read as another amount. */
function showFigure(id, text) {
  $(id).textContent = text;
  $(id).classList.toggle("long", text.length > 10);
}

/** Balance and invoices, which come in one answer. */
function showInvoices(found) {
  if (!Number.isFinite(found.current_balance) || !Array.isArray(found.invoices)) throw new Problem("other", t("unexpected"));
  owedCents = cents(found.current_balance);
  const credit = cents(found.credit ?? 0);
  const late = found.invoices.filter((invoice) => invoice.status === "overdue");
  const overdue = Math.min(owedCents, late.reduce((sum, invoice) => sum + cents(invoice.open ?? invoice.amount), 0));
  showFigure("balance", money(owedCents));
  say("credit", credit > 0 ? t("creditLeft", { amount: money(credit) }) : "");
  say("overdue", overdue > 0 ? t("overdueOf", { amount: money(overdue) }) : "");
  $("invoices").replaceChildren(...found.invoices.map(invoiceRow));
  $("invoices-table").hidden = !found.invoices.length;
  $("no-invoices").hidden = found.invoices.length > 0;
  showPaying();
}

function invoiceRow(invoice) {
  const month = MONTHLY.exec(invoice.description);
  const what = month ? t("usageOf", { month: monthText(month[1]) }) : String(invoice.description);
  const status = String(invoice.status);
  const kind = STATUSES.includes(status) ? status : "";
  const open = cents(invoice.open ?? (status === "paid" ? 0 : invoice.amount));
  return made("tr", { role: "row" },
    made("td", { role: "cell" }, made("div", { text: what }), invoiceNote(invoice)),
    made("td", { role: "cell", className: "number", text: money(cents(invoice.amount)) }),
    made("td", { role: "cell", className: "number" },
      made("span", { className: `pill ${kind}`, text: known(`status_${status}`, status) }),
      ...(open > 0 ? [made("div", { className: "muted small", text: t("open", { amount: money(open) }) })] : [])));
}

function invoiceNote(invoice) {
  const id = made("span", { className: "whole", text: String(invoice.id) });
  return made("div", { className: "muted small" }, made("span", { className: "whole", text: dayText(invoice.date) }), " · ", id);
}

function showUsage(found) {
  const { dates, shots } = found.daily_usage ?? {};
  if (!Array.isArray(dates) || !Array.isArray(shots)) throw new Problem("other", t("unexpected"));
  showFigure("total-shots", numbers.format(found.total_shots));
  showFigure("total-spent", dollars.format(found.total_spent));
  showFigure("molecules", numbers.format(found.molecules_designed));
  showFigure("backends-used", numbers.format(found.backends_used));
  showDays(dates.map((date, index) => ({ date, shots: Number(shots[index]) || 0 })));
  showBackends(Object.entries(found.backends ?? {}));
}

function showDays(days) {
  const some = days.some((day) => day.shots > 0);
  for (const id of ["chart", "days-table", "day", "utc"]) $(id).hidden = !some;
  $("no-days").hidden = some;
  const newestFirst = [...days].reverse();
  $("days").replaceChildren(...newestFirst.map((day) => made("tr", {},
    made("th", { scope: "row", text: dayText(day.date) }),
    made("td", { className: "number", text: numbers.format(day.shots) }))));
  chart.show(days);
}

function showBackends(backends) {
  const all = backends.reduce((sum, [, shots]) => sum + shots, 0);
  const most = Math.max(1, ...backends.map(([, shots]) => shots));
  $("backends-table").hidden = !backends.length;
  $("no-backends").hidden = backends.length > 0;
  $("backends").replaceChildren(...backends.sort((one, other) => other[1] - one[1]).map(([name, shots]) => made("tr", {},
    made("th", { scope: "row" }, made("div", { className: "name", text: name }), shareBar(shots / most)),
    made("td", { className: "number", text: numbers.format(shots) }),
    made("td", { className: "number", text: percents.format(all ? shots / all : 0) }))));
}

/** Decoration beside the number, so it is hidden from screen readers. */
function shareBar(part) {
  const bar = drawn("svg", { class: "share", "aria-hidden": "true" });
  const full = { width: "100%", height: "100%", rx: 3 };
  bar.append(drawn("rect", { ...full, class: "track" }), drawn("rect", { ...full, width: `${part * 100}%`, class: "bar" }));
  return bar;
}

/** Empty again, for whoever signs in next. */
function forgetAccount() {
  for (const id of ["who", "balance", "total-shots", "total-spent", "molecules", "backends-used", "day"]) $(id).textContent = "";
  for (const id of ["invoices", "days", "backends", "chart"]) $(id).replaceChildren();
  for (const id of ["credit", "overdue", "ticket"]) say(id, "");
  for (const id of ["chart", "days-table", "invoices-table", "backends-table", "no-days", "no-backends", "no-invoices", "utc"]) $(id).hidden = true;
  $("support").reset();
  owedCents = 0;
  showPaying();
}
