"use strict";
// Small helpers for the page. Text from outside only ever becomes text: nothing here reads HTML.

const $ = (id) => document.getElementById(id);

/** An element with text and child elements. */
function made(tag, { text, className, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The same for a drawing. */
function drawn(tag, attributes, text) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  if (text !== undefined) shape.textContent = text;
  return shape;
}

/** Show `id` with a text, or hide it when there is none. */
function say(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

/** Mark a field, for the eye and for screen readers. */
function invalid(id, wrong) {
  $(id).setAttribute("aria-invalid", String(wrong));
}

/** The one message above everything. kind: "", good, warn or bad; with `action`, a button for it. */
function notice(text, kind = "", action = null) {
  $("notice-text").textContent = text;
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
