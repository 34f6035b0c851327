"use strict";
// Small helpers for the page. Text from outside only ever becomes text: nothing here reads HTML.

const $ = (id) => document.getElementById(id);

const LONGEST = 1000;
// Controls but tab and newline, and what turns the direction of writing: they would reorder or hide what is beside them.
const NEVER = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

/** Text from outside as it may stand beside ours: a mark for each control, cut off where nobody reads any more. */
function shown(text) {
  const all = String(text);
  return (all.length > LONGEST ? `${all.slice(0, LONGEST)}…` : all).replace(NEVER, "\ufffd");
}

/** An element with text and child elements. */
function made(tag, { text, className, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = shown(text);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The same for a drawing. */
function drawn(tag, attributes, text) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  if (text !== undefined) shape.textContent = shown(text);
  return shape;
}

/** Show `id` with a text, or hide it when there is none. */
function say(id, text) {
  $(id).textContent = shown(text);
  $(id).hidden = !text;
}

/** Mark a field, for the eye and for screen readers. */
function invalid(id, wrong) {
  $(id).setAttribute("aria-invalid", String(wrong));
}

/** The one message above everything. kind: "", good, warn or bad; with `action`, a button for it. */
function notice(text, kind = "", action = null) {
  $("notice-text").textContent = shown(text);
  $("notice").className = `card ${kind}`;
  $("notice-action").hidden = !action;
  $("notice-action").textContent = action ? t("retry") : "";
  $("notice-action").onclick = action;
  $("notice").hidden = !text;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Keep a form from being sent twice while `work` runs. */
async function whileDisabled(button, work) {
  button.disabled = true;
  try {
    return await work();
  } finally {
    button.disabled = false;
  }
}
