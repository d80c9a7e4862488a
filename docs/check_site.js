// What one page of the site looks like at the width of the window: run by check_site.py in the page.
() => {
  const about = (element) => {
    const name = element.tagName.toLowerCase();
    const kind = element.className && element.className.split ? element.className.trim() : "";
    const text = (element.innerText || "").trim().replace(/\s+/g, " ");
    return `${name}${kind ? "." + kind.split(/\s+/).join(".") : ""} "${[...text].slice(0, 60).join("")}"`;
  };
  const style = (element) => getComputedStyle(element);
  // A formula's own hidden parts are no text of the page.
  const parts = [...document.querySelectorAll("body *")].filter(
    (element) => !element.closest("svg, mjx-assistive-mml, dialog, script, style, .visually-hidden"),
  );
  const shown = parts.filter((element) => element.getClientRects().length && style(element).visibility === "visible");
  const offscreen = (element) => element.closest(".skip-link, #pst-back-to-top, .sd-stretched-link") !== null;

  // The nearest box around an element that clips it, or the window.
  const clips = (element) => !["visible", ""].includes(style(element).overflowX) && !element.matches(".bd-article-container");
  const clipper = (element) => {
    let box = element.parentElement;
    while (box && box !== document.body && !clips(box)) box = box.parentElement;
    return !box || box === document.body ? null : box;
  };
  const scrolls = (element) => ["auto", "scroll"].includes(style(element).overflowX);

  const findings = [];
  const add = (what, element) => findings.push([what, about(element)]);
  for (const element of shown.filter((element) => !offscreen(element))) {
    const wider = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1;
    if (wider && clips(element)) add(scrolls(element) ? "scrolls" : "is cut off", element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const isBox = element.matches("pre, table, img, mjx-container, svg, h1, h2, h3, h4, dt");
    if (!hasText && !isBox) continue;
    const { left, right } = element.getBoundingClientRect();
    const box = clipper(element);
    if (box && scrolls(box)) continue; // reported as one that scrolls
    const column = element.closest("article, .bd-sidebar-primary, .bd-sidebar-secondary");
    const edges = (column || document.documentElement).getBoundingClientRect();
    if (right > edges.right + 1 || left < edges.left - 1) add("leaves its column", element);
  }

  // A word outside of code that begins in one line and ends in another.
  const isBroken = (text, { index, 0: word }) => {
    const range = document.createRange();
    range.setStart(text, index);
    range.setEnd(text, index + word.length);
    const boxes = [...range.getClientRects()].filter((box) => box.width);
    return boxes.length > 1 && boxes.at(-1).top > boxes[0].bottom - 2;
  };
  const prose = shown.filter((element) => element.matches("article *") && !element.closest("code, pre, mjx-container"));
  for (const element of prose)
    for (const text of [...element.childNodes].filter((node) => node.nodeType === 3))
      if ([...text.data.matchAll(/[^\s\-–—/(=]+/g)].some((word) => isBroken(text, word))) add("breaks a word", element);

  // A title of several words is no name.
  for (const title of document.querySelectorAll("h1, .bd-links a, .page-toc a, .prev-next-title"))
    if (/\s/.test(title.textContent.trim()) && title.querySelector("wbr:not(code wbr)")) add("may break a word", title);

  // The space between two words is lost if it follows a place where a name may break.
  for (const place of document.querySelectorAll("wbr"))
    if (/^\s/.test(place.nextSibling?.data ?? "")) add("loses a space", place.parentElement);

  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth) add("is wider than the window", root);

  const formulas = [...document.querySelectorAll("article .math")];
  for (const formula of formulas)
    if (!formula.querySelector("mjx-container")) add("is not rendered", formula);
  for (const error of document.querySelectorAll("mjx-merror, [data-mml-node=merror]"))
    add("is an error of MathJax", error.closest(".math") || error);
  for (const image of document.images)
    if (image.complete && !image.naturalWidth) findings.push(["has no picture", `img ${image.src}`]);

  return {
    findings,
    formulas: formulas.length,
    ids: [...document.querySelectorAll("[id], a[name]")].map((element) => element.id || element.name),
    links: [...document.querySelectorAll("a[href]")].map((link) => link.href),
    headings: [...document.querySelectorAll("article h1, article h2, article h3")].map((h) => h.innerText),
    previous: document.querySelector("a.left-prev") !== null,
    next: document.querySelector("a.right-next") !== null,
  };
}
