"use strict";
// What was typed into a form is kept, in this tab alone, until it has arrived: where the session ended before that, the
// sign-in leads back to the form as it was left. Secrets and files are not kept.
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

  document.addEventListener("submit", ({ target: form }) => {
    if (target || !forms().includes(form)) return;
    const values = fields(form).map((field) => [field.name, isBox(field) ? field.checked : field.value]);
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ page: here, user, values, form: forms().indexOf(form) }));
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
