"use strict";
// Who is signed in, and asking the server on their behalf.
//
// The key is kept in sessionStorage: it has to survive the way to the payment page and back, which memory does not,
// and it ends with the tab, which localStorage does not. A cookie would be sent along by itself, also when another
// page asks. The key is written there only after the server accepted it, and it is never part of an address.

const KEY = "bioql_key";
const PAYING = "bioql_paying";
const SLOWEST_MS = 20_000;

/** Tab storage, or nothing where the browser refuses it: then the key lives as long as the page. */
const tab = {
  read(name) { try { return sessionStorage.getItem(name); } catch { return null; } },
  write(name, value) { try { sessionStorage.setItem(name, value); } catch { /* kept in memory only */ } },
  forget(name) { try { sessionStorage.removeItem(name); } catch { /* there is nothing to forget */ } },
};

const session = {
  key: tab.read(KEY) || "",
  leaving: new AbortController(),

  begin(key) { this.key = key; },
  keep() { tab.write(KEY, this.key); },

  /** Forget the key, and drop answers that are still on their way to whoever just left. */
  end() {
    this.key = "";
    tab.forget(KEY);
    tab.forget(PAYING);
    this.leaving.abort();
    this.leaving = new AbortController();
  },
};

/** Why an answer is missing. `kind`: key, limited, offline, gone (signed out meanwhile) or other. */
class Problem extends Error {
  constructor(kind, text, waitSeconds = 0) {
    super(text);
    this.kind = kind;
    this.waitSeconds = waitSeconds;
  }
}

// The sentences of the server that a customer may see; everything else is shown as it came.
const SENTENCES = {
  "No Stripe customer ID found": "noCustomer",
  "Nothing is owed": "nothingOwed",
  "A bank payment is on its way; it takes a few days": "bankUnderway",
};

/** The answer's JSON object. GET, or POST when there is a body. Throws Problem. */
async function ask(path, body) {
  const leaving = session.leaving.signal;
  const options = {
    method: body ? "POST" : "GET",
    headers: { Authorization: `Bearer ${session.key}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.any([leaving, AbortSignal.timeout(SLOWEST_MS)]),
  };
  let answer, found;
  try {
    answer = await fetch(path, options);
    found = await answer.json().catch(() => null);
  } catch {
    throw unanswered(leaving);
  }
  if (leaving.aborted) throw new Problem("gone", "");
  if (!answer.ok) throw refusal(answer, found);
  if (typeof found !== "object" || found === null) throw new Problem("other", t("unexpected"));
  return found;
}

function unanswered(leaving) {
  if (leaving.aborted) return new Problem("gone", "");
  return navigator.onLine ? new Problem("other", t("unreachable")) : new Problem("offline", t("offline"));
}

function refusal(answer, found) {
  const detail = typeof found?.error === "string" ? found.error.slice(0, 300) : "";
  if (answer.status === 401) return new Problem("key", t("keyWrong"));
  if (answer.status === 429) {
    const wait = retryAfter(answer.headers.get("Retry-After"));
    return new Problem("limited", t("limited", { wait: seconds.format(wait) }), wait);
  }
  if (answer.status === 409) return new Problem("other", t("paymentUnderway"));
  if (answer.status >= 500 || !detail) return new Problem("other", t("busy"));
  return new Problem("other", Object.hasOwn(SENTENCES, detail) ? t(SENTENCES[detail]) : t("refused", { detail }));
}

/** Seconds to wait: the header holds seconds or a date; without one, ten. */
function retryAfter(header) {
  const wait = /^\d+$/.test(header ?? "") ? Number(header) : (Date.parse(header ?? "") - Date.now()) / 1000;
  return Number.isFinite(wait) ? Math.min(3600, Math.max(1, Math.ceil(wait))) : 10;
}
