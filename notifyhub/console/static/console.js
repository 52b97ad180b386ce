"use strict";
// What pages do by themselves. Each works without a script, too, but for copying.

// A summary of what is wrong is read first.
document.querySelector("[data-focus]")?.focus();

// On a narrow screen the sections scroll: the one that is open is among those that are seen.
document.querySelector(".sections [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Copying of what is shown once.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const input = button.parentElement.querySelector("input");
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    document.execCommand("copy"); // without https there is no clipboard
  }
  button.textContent = input.dataset.copied;
});

// Who presses twice sends once. A preview, in a frame of the page, is asked for as often as one likes.
const buttons = (form) => form.querySelectorAll("button:not([type=button])");
document.addEventListener("submit", ({ target: form, submitter }) => {
  if (form.method !== "post" || submitter?.formTarget) return;
  const enable = (isEnabled) => buttons(form).forEach((button) => (button.disabled = !isEnabled));
  setTimeout(enable, 0, false);
  setTimeout(enable, 10_000, true); // the answer may have gone into another tab
  addEventListener("pageshow", () => enable(true));
});

// Parts of a page that are asked for again every so many seconds: <section id="…" data-live="10">.
// What has not changed stays as it is; focus, scrolling and opened details stay where they are.
const live = document.querySelectorAll("[data-live]");
if (live.length) {
  const seconds = Math.min(...[...live].map((part) => Number(part.dataset.live)));
  let running = false;
  const refresh = async () => {
    if (running || document.hidden || !document.querySelector("[data-live]")) return;
    running = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      if (answer.status === 401) location.reload();
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The service can't be reached now; the next turn tries again.
    } finally {
      running = false;
    }
  };
  setInterval(refresh, seconds * 1000);
  document.addEventListener("visibilitychange", refresh);
}

function replace(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const part = fresh.getElementById(old.id);
    if (part && !part.dataset.live) delete old.dataset.live; // it has come to its end
    if (!part || plain(part) === plain(old)) continue;
    const focused = old.contains(document.activeElement) ? way(document.activeElement) : null;
    const opened = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
    const scrolled = [...old.querySelectorAll(".table[id]")].map((table) => [table.id, table.scrollLeft]);
    old.replaceChildren(...part.childNodes);
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    for (const [id, left] of scrolled) document.getElementById(id)?.scrollTo({ left });
    if (focused) old.querySelector(focused)?.focus({ preventScroll: true });
  }
}

// What a part says: but for what is new in each answer, and for what somebody has opened.
function plain(part) {
  return part.innerHTML.replace(/(name="csrf_token" value=)"[^"]*"/g, "$1").replace(/(<details[^>]*) open=""/g, "$1");
}

// How an element is found again: by its own id, by where it leads, or by what it belongs to.
function way(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.href) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
  const form = element.closest("form");
  if (form) return `form[action="${CSS.escape(form.getAttribute("action"))}"] ${element.localName}`;
  const box = element.parentElement.closest("[id]");
  return `#${CSS.escape(box.id)} ${element.localName}`;
}

// What was typed into a form is kept, in this tab alone, until it has arrived: where the session ended before that, the
// sign-in leads back to the form as it was left, and so does another language. Secrets and files are not kept.
{
  const KEPT = "typed";
  const NOT_KEPT = ["password", "file", "submit", "button"];
  const main = document.getElementById("main");
  const here = location.pathname + location.search;
  const user = document.querySelector(".account bdi")?.textContent;
  const target = document.querySelector("main [name=next]"); // of the sign-in
  const forms = () => [...main.querySelectorAll("form[method=post]")];
  const fields = (form) =>
    [...form.elements].filter((one) => one.name && !["csrf_token", "key"].includes(one.name) && !NOT_KEPT.includes(one.type));
  const isBox = (field) => ["checkbox", "radio"].includes(field.type);

  let typed = null; // the form that somebody has begun to fill in
  document.addEventListener("input", ({ target: field }) => (typed = field.form));
  document.addEventListener("submit", ({ target: sent }) => {
    const form = sent.matches(".preferences") ? typed : sent;
    if (target || !forms().includes(form)) return;
    const values = fields(form).map((field) => [field.name, isBox(field) ? field.checked : field.value]);
    const kept = { page: here, user, values, form: forms().indexOf(form), lost: form !== sent };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      // There is no room for so much.
    }
  });

  // Fill a form in; what it has no fields for yet is told to the page's own script.
  const fill = (form, values) => {
    const free = fields(form);
    const left = [];
    for (const [name, value] of values) {
      const place = free.findIndex((field) => field.name === name);
      if (place < 0) left.push([name, value]);
      else {
        const [field] = free.splice(place, 1);
        if (isBox(field)) field.checked = value;
        else field.value = value;
      }
    }
    typed = form;
    form.dispatchEvent(new CustomEvent("restored", { detail: left }));
  };

  addEventListener("DOMContentLoaded", () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    const lost = kept && (kept.lost || document.querySelector(".unsent"));
    if (!lost) return;
    if (target || document.querySelector("a.unsent")) {
      sessionStorage.setItem(KEPT, JSON.stringify({ ...kept, lost: true }));
      if (target) target.value = kept.page;
      else document.querySelector("a.unsent").href = kept.page;
    } else if (kept.page === here && kept.user === user && forms()[kept.form]) {
      const words = document.createElement("p");
      words.className = "notice warn";
      words.setAttribute("role", "status");
      words.textContent = main.dataset.restored;
      main.prepend(words);
      fill(forms()[kept.form], kept.values);
    }
  });
}
