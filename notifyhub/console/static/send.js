"use strict";
// The preview beside the form of a message, and the fields of a pattern as soon as it is chosen.
// Without this script two buttons of the form do the same.
{
  const form = document.getElementById("send");
  const QUIET_MS = 400; // after the last key
  let timer = 0;
  let latest = 0;

  form.classList.add("scripted"); // the button for choosing is not needed

  const ask = async (address, extra = {}) => {
    const body = new FormData(form);
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    const mine = ++latest;
    const answer = await fetch(address, { method: "POST", body, headers: { "X-Fragment": "1" } });
    if (answer.status === 401) location.reload();
    if (!answer.ok || mine !== latest) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  const take = (page, id) => {
    const part = page?.getElementById(id);
    if (part) document.getElementById(id)?.replaceChildren(...part.childNodes);
  };

  const preview = async () => {
    try {
      take(await ask(form.dataset.preview), "preview");
    } catch {
      // The service can't be reached now: the next key tries again.
    }
  };

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (event.target.name !== "pattern") timer = setTimeout(preview, QUIET_MS);
  });

  form.addEventListener("change", async (event) => {
    if (event.target.name !== "pattern") return;
    try {
      take(await ask(form.action, { choose: "1" }), "values");
    } catch {
      form.classList.remove("scripted");
    }
    preview();
  });

  // Who presses twice sends once, which the form's key sees to; this is for what they see.
  form.addEventListener("submit", (event) => {
    if (event.submitter && (event.submitter.name || event.submitter.formAction.includes("preview"))) return;
    setTimeout(() => form.querySelectorAll("button").forEach((button) => (button.disabled = true)));
  });
  addEventListener("pageshow", () => form.querySelectorAll("button").forEach((button) => (button.disabled = false)));
}
