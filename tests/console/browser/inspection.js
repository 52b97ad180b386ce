// What is wrong with a page, as lines of words.
() => {
  const problems = [];
  const describe = (element) => element.outerHTML.replace(/\s+/g, " ").slice(0, 120);
  const persian = document.documentElement.lang === "fa";

  if (document.documentElement.dir !== (persian ? "rtl" : "ltr")) problems.push("the direction is not the language's");
  if (document.querySelectorAll("h1").length !== 1) problems.push(`${document.querySelectorAll("h1").length} h1`);
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) problems.push(`a heading leaves a level out: ${describe(heading)}`);
    level = next;
  }

  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) {
    const inside = (element) => {
      for (let box = element.parentElement; box; box = box.parentElement)
        if (getComputedStyle(box).overflowX !== "visible" && box !== document.documentElement && box !== document.body) return true;
      return false;
    };
    const out = [...document.body.querySelectorAll("*")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width && (box.right > window.innerWidth + 1 || box.left < -1) && !inside(element);
    });
    problems.push(`${wide} px wider than the screen: ${out.slice(0, 3).map(describe).join(" | ")}`);
  }

  for (const code of document.querySelectorAll(".code")) {
    const style = getComputedStyle(code);
    if (style.direction !== "ltr" || !style.unicodeBidi.includes("isolate")) problems.push(`a code is not isolated: ${describe(code)}`);
  }

  const TURNLESS = /\u200e\S*|\u2068[^\u2069]*\u2069|\{\w*\}|%\w+%|[\w-]+(?:[.@][\w-]+)+|[A-Z]+-\d/g;
  const OURS = "bdi, code, pre, q, [dir], script, style, option, textarea";
  const main = document.querySelector("main");
  const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    // What stands behind a mark of its direction, a placeholder, the name of a host: none of them is turned.
    const text = texts.currentNode.data.replace(TURNLESS, "").trim();
    const element = texts.currentNode.parentElement;
    const around = element.closest(OURS);
    if (!text || (around && around !== main && main.contains(around))) continue;
    if (/https?:|\b[a-z]+_[a-z_]+\b/.test(text) || (persian && /\+\d{4,}|\d{3,} \d{3,}/.test(text))) problems.push(`a number, an address or a key stands in a text: ${text.slice(0, 80)}`);
    else if (persian && /\b[a-z]{3,}\b/.test(text)) problems.push(`a text is not in Persian: ${text.slice(0, 80)}`);
    else if (persian && /(?<!\d)\d{1,6}(?!\d)/.test(text)) problems.push(`a number is not in Persian digits: ${text.slice(0, 80)}`);
  }
  return problems;
}
