"use strict";
// Asking for help: a ticket, and its number.

async function sendTicket() {
  const subject = $("subject").value.trim(), message = $("message").value.trim();
  invalid("subject", !subject);
  invalid("message", !message);
  say("ticket", "");
  if (!subject || !message) {
    $("support-note").textContent = t("supportMissing");
    $(subject ? "message" : "subject").focus();
    return;
  }
  $("support-note").textContent = t("sending");
  try {
    const sent = await ask("/support/ticket", { priority: $("priority").value, subject, message });
    $("support").reset();
    showTicket(String(sent.ticket_id));
  } catch (error) {
    showProblem(error);   // what was written stays, to be sent again
  } finally {
    $("support-note").textContent = t("supportNote");
  }
}

function showTicket(number) {
  const [before, after] = t("ticketSent").split("{ticket}");
  $("ticket").replaceChildren(before, made("b", { className: "whole", text: number }), after);
  $("ticket").hidden = false;
  $("ticket").focus();
}

$("support").addEventListener("submit", (event) => {
  event.preventDefault();
  whileDisabled($("send"), sendTicket);
});
