"use strict";
// Of a campaign's message: what only a text of one's own needs is shown only with that.
const content = document.getElementById("content");
const show = () => {
  for (const part of document.querySelectorAll("[data-with-own-text]")) part.hidden = content.value.includes(":");
  for (const part of document.querySelectorAll("[data-with-own-mail]")) part.hidden = content.value !== "email";
};
content.addEventListener("change", show);
show();
