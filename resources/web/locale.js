"use strict";
// Language, numbers, money and dates as the customer's browser asks for them.

const LANGUAGES = ["en", "es"];

/** The first language the browser asks for that we speak, region and all: "es-MX" decides how numbers look. */
function chooseLocale(asked) {
  return asked.find((tag) => LANGUAGES.includes(tag.toLowerCase().split("-")[0])) || "en";
}

const locale = chooseLocale(navigator.languages?.length ? navigator.languages : [navigator.language || "en"]);
const language = locale.toLowerCase().split("-")[0];
const texts = JSON.parse(document.getElementById(`texts-${language}`).textContent);

/** The text of that name, with the {placeholders} filled in that have a value. */
function t(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** What the server may or may not know a text for, such as an invoice's status. */
function known(name, otherwise) {
  return Object.hasOwn(texts, name) ? texts[name] : otherwise;
}

const plurals = new Intl.PluralRules(locale);
const numbers = new Intl.NumberFormat(locale);
const shortNumbers = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat(locale, { style: "currency", currency: "USD" });
const seconds = new Intl.NumberFormat(locale, { style: "unit", unit: "second", unitDisplay: "long" });

/** "6,000 shots". */
function shotsText(count) {
  return t(plurals.select(count) === "one" ? "shots_one" : "shots_other", { count: numbers.format(count) });
}

/** The server's days are UTC days; in another time zone they would slip to the day before. */
function dateText(iso, style) {
  const day = new Date(iso);
  return Number.isNaN(day.getTime()) ? String(iso) : new Intl.DateTimeFormat(locale, { ...style, timeZone: "UTC" }).format(day);
}

const dayText = (iso) => dateText(iso, { dateStyle: "medium" });
const shortDayText = (iso) => dateText(iso, { day: "numeric", month: "short" });
const monthText = (iso) => dateText(iso, { month: "long", year: "numeric" });

/** Cents of what somebody typed as "1234.5" or "1234,50"; NaN when it is no amount. */
function typedCents(typed) {
  const plain = typed.trim().replace(/^\$|US\$$|\s/g, "").replace(",", ".");
  return /^\d{1,9}(\.\d{1,2})?$/.test(plain) ? Math.round(Number(plain) * 100) : NaN;
}

function fillTexts() {
  document.documentElement.lang = language;
  document.title = `BioQL · ${t("title")}`;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
}
