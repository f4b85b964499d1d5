"use strict";

// What the pages do beyond htmx. Without scripts they do the same, with a page for each step.

const lost = () => document.getElementById("lost");
// The button that a form was sent by: it says what is to be done.
const pressed = new WeakMap();

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
  pressed.set(form, event.submitter);
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

const TOO_MANY = 429;
let unsent = null;
const say = (event) => {
  unsent = event.detail?.elt?.closest("form") ?? unsent;
  const said = event.detail?.xhr?.status === TOO_MANY ? "refused" : "lost";
  for (const one of lost().querySelectorAll("[data-said]")) one.hidden = one.dataset.said !== said;
  lost().hidden = false;
};
for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, say);
}
window.addEventListener("offline", say);
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.xhr.status >= 500 || event.detail.xhr.status === TOO_MANY) return;
  // That the page hears of the server again does not bring a form there that was lost.
  if (unsent?.isConnected && event.detail.elt.closest("form") !== unsent) return;
  lost().hidden = true;
  unsent = null;
});

// After an answer with errors: to the first field that needs a change; after any other: to its beginning.
const toFirstError = () => {
  const wrong = document.querySelector("[aria-invalid=true]");
  if (wrong) wrong.focus();
  return wrong;
};
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.boosted && !toFirstError()) document.querySelector("main").focus({ preventScroll: true });
});

// What needs a script is shown by one.
const showScripted = () => {
  for (const copier of document.querySelectorAll("[data-copy]")) copier.hidden = !navigator.clipboard;
  for (const all of document.querySelectorAll("[data-all]")) all.hidden = false;
};
document.addEventListener("DOMContentLoaded", () => { toFirstError(); showScripted(); });
document.addEventListener("htmx:afterSettle", showScripted);

document.addEventListener("click", async (event) => {
  const copier = event.target.closest("[data-copy]");
  if (copier) {
    await navigator.clipboard.writeText(document.getElementById(copier.dataset.copy).textContent);
    copier.querySelector("span").textContent = "Copied";
  }
  // What was typed is still there: it is sent again, as often as need be, and done once.
  if (event.target.closest("[data-retry]")) unsent?.isConnected ? (pressed.get(unsent) ?? unsent.querySelector("button")).click() : location.reload();
});

// A key file pasted into one of a credential's fields fills in all that it names.
document.addEventListener("paste", (event) => {
  const prefix = "credentialData.";
  if (!event.target.name?.startsWith(prefix)) return;
  let file;
  try { file = JSON.parse(event.clipboardData.getData("text")); } catch { return; }
  const fields = Object.entries(file ?? {}).map(([name, value]) => [event.target.form.elements[prefix + name], value]);
  const known = fields.filter(([field]) => field);
  if (!known.length) return;
  event.preventDefault();
  for (const [field, value] of known) field.value = value;
});

// A tab that nobody looks at asks for no news. It does at once when somebody looks again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.matches("[hx-trigger^=every]")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[hx-trigger^=every]").forEach((one) => htmx.trigger(one, "look"));
});

// The time that is left of sessions, counted on between two answers of the server.
const countDown = () => {
  for (const one of document.querySelectorAll("[data-left]")) {
    one.ends ??= Date.now() + one.dataset.left * 1000;
    const left = Math.max(0, Math.round((one.ends - Date.now()) / 1000));
    const [minutes, seconds] = [Math.floor(left / 60) % 60, left % 60].map((part) => String(part).padStart(2, "0"));
    one.textContent = `${Math.floor(left / 3600)}:${minutes}:${seconds}`;
  }
};
// Of the durations, those that all that is checked may be open for; what is a limit of something else is no choice.
const offerDurations = () => {
  const chosen = [...document.querySelectorAll("[data-longest] :checked")];
  const counted = document.querySelector("[data-chosen]");
  const openable = document.querySelectorAll("[data-longest] :enabled").length;
  if (counted) counted.textContent = chosen.length === openable ? "All" : chosen.length;
  if (!chosen.length) return;
  const limit = Math.min(...chosen.map((one) => Number(one.closest("[data-longest]").dataset.longest)));
  for (const button of document.querySelectorAll(".offer [name=durationMinutes]")) {
    const minutes = Number(button.value);
    button.hidden = minutes > limit || (minutes < limit && !("usual" in button.dataset));
  }
};
// Times as the reader's clock has them. Without scripts they are in UTC, as they are in the title.
const day = { day: "numeric", month: "short", year: "numeric" };
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const [moment, short] = [{ ...day, ...clock }, clock].map((parts) => new Intl.DateTimeFormat("en-GB", parts));
const tellTimes = () => {
  for (const one of document.querySelectorAll("time:not([title])")) {
    const when = new Date(one.dateTime);
    one.title = `${when.toISOString().slice(0, 16).replace("T", " ")} UTC`;
    // Else September alone would be of four letters.
    one.textContent = ("short" in one.dataset ? short : moment).format(when).replace("Sept", "Sep");
  }
};
const refresh = () => { tellTimes(); countDown(); offerDurations(); };
document.addEventListener("DOMContentLoaded", () => { refresh(); setInterval(countDown, 1000); });
// Before anybody sees what has come.
document.addEventListener("htmx:afterSwap", refresh);
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-all]")) return;
  const boxes = [...document.querySelectorAll("[data-longest] :enabled")];
  const isAll = boxes.every((one) => one.checked);
  for (const one of boxes) one.checked = !isAll;
  offerDurations();
});
document.addEventListener("change", (event) => { if (event.target.closest("[data-longest]")) offerDurations(); });

// A part that takes the place of an older one unasked: what is unfolded stays so, and a form on its way is left alone.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (target.querySelector("[data-sent]")) event.detail.shouldSwap = false;
  for (const open of target.querySelectorAll("details[id][open]")) {
    const next = fragment.querySelector(`#${open.id}`);
    if (next) next.open = true;
  }
});

// The same for a part that is replaced as a whole. What had the focus and is gone leaves it to the first field that came.
let kept = { unfolded: [] };
document.addEventListener("htmx:beforeSwap", ({ detail: { boosted, target } }) => {
  const unfolded = boosted ? [] : [...target.querySelectorAll("details[id][open]")];
  kept = { focus: boosted ? null : document.activeElement, unfolded: unfolded.map((one) => one.id) };
});
document.addEventListener("htmx:afterSwap", ({ detail: { target } }) => {
  for (const id of kept.unfolded) document.getElementById(id)?.setAttribute("open", "");
  if (!kept.focus || kept.focus.isConnected || document.activeElement !== document.body) return;
  const same = kept.focus.id && document.getElementById(kept.focus.id);
  const field = document.getElementById(target.id)?.querySelector("input:not([type=hidden]), select");
  (same || field || document.querySelector("main")).focus({ preventScroll: true });
});
