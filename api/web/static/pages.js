"use strict";

// What the pages do beyond htmx. Without scripts they do the same, with a page for each step.

const lost = () => document.getElementById("lost");

// A form that was sent is not sent again while its answer is on the way. The server would do it once all the same.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
}, true);

const sendable = (form) => {
  if (!form) return;
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
};
document.addEventListener("htmx:afterRequest", (event) => sendable(event.detail.elt.closest("form")));
// A page that the browser kept for its back button.
window.addEventListener("pageshow", () => document.querySelectorAll("[data-once]").forEach(sendable));

const say = () => { lost().hidden = false; };
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, say);
}
window.addEventListener("offline", say);
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.xhr.status < 500) lost().hidden = true;
});

// After an answer with errors: to the first field that needs a change.
const toFirstError = () => {
  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
};
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.boosted) toFirstError();
});
document.addEventListener("DOMContentLoaded", toFirstError);

document.addEventListener("click", async (event) => {
  const copier = event.target.closest("[data-copy]");
  if (copier) {
    const text = document.getElementById(copier.dataset.copy).textContent;
    await navigator.clipboard.writeText(text);
    copier.querySelector("span").textContent = "Copied";
  }
  if (event.target.closest("[data-retry]")) location.reload();
});
