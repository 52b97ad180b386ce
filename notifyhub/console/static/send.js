"use strict";
// The preview beside the form of a message, and the fields of a pattern as soon as it is chosen.
// Without this script two buttons of the form do the same.
{
  const form = document.getElementById("send");
  const shown = document.getElementById("preview");
  const QUIET_MS = 400; // after the last key
  const latest = {};
  let timer = 0;
  let isRestored = false; // after the session has ended: console.js

  form.classList.add("scripted"); // the button for choosing is not needed

  // Put a part of what the service answers to the form in its place; a later answer outdoes an earlier one.
  const take = async (id, address, extra = {}) => {
    const body = new FormData(form);
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    const mine = (latest[id] = (latest[id] ?? 0) + 1);
    const answer = await fetch(address, { method: "POST", body, headers: { "X-Fragment": "1" } });
    if (answer.status === 401) return say(await answer.text());
    if (!answer.ok || mine !== latest[id]) return;
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (part) document.getElementById(id)?.replaceChildren(...part.childNodes);
  };

  const say = (text) => {
    const words = document.createElement("p");
    words.className = "notice warn";
    words.textContent = text;
    shown.replaceChildren(shown.querySelector("h2"), words);
  };

  const preview = async () => {
    try {
      await take("preview", form.dataset.preview);
    } catch {
      // The service can't be reached now: the next key tries again.
    }
  };

  const choose = async (values = []) => {
    try {
      await take("values", form.action, { choose: "1" });
      for (const [name, value] of values) if (form.elements[name]) form.elements[name].value = value;
    } catch {
      form.classList.remove("scripted");
    }
    preview();
  };

  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    if (event.target.name !== "pattern") timer = setTimeout(preview, QUIET_MS);
  });
  form.addEventListener("change", (event) => event.target.name === "pattern" && choose());
  form.addEventListener("restored", (event) => {
    isRestored = true;
    choose(event.detail);
  });

  form.addEventListener("submit", () => {
    const values = [...new FormData(form)].filter(([name]) => name.startsWith("args-"));
    // For who comes back: browsers fill in again what is there at once; by its key the form is known as sent.
    history.replaceState({ values, key: form.elements.key.value }, "");
  });
  addEventListener("pageshow", () => {
    if (history.state?.key) form.elements.key.value = history.state.key;
    const isFilled = isRestored || !form.elements.pattern?.value || document.querySelector("#values input");
    if (!isFilled) choose(history.state?.values);
  });
}
