document.addEventListener("DOMContentLoaded", () => {
  breakLongNames();
  keepTogether();
  letWidePicturesScroll();
});

const textsIn = (element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found.filter((text) => !text.parentElement.closest(".math"));
};

// A long name may break where a reader would break it: after _ . / and =, and before a capital.
// A title is a name if it is one word. Other words with such a place and 20 letters are names, too.
function breakLongNames() {
  const titles = "h1, .bd-links a, .prev-next-title";
  const names = ".sig-name, .sig-prename, td code, .page-toc code";
  const others = "td, dd p, cite, :not(pre) > code, .classifier, .indextable a";
  const breaks = /(?<=[_./=])(?=\w)|(?<=[a-zA-Z])(?=[A-Z][a-z])/;
  const mark = "\u200b";
  const soften = (text, shortest) => {
    const marked = (word) => (word.length < shortest ? word : word.split(breaks).join(mark));
    const pieces = text.data.replace(/\S+/g, marked).split(mark);
    if (pieces.length > 1)
      text.replaceWith(...pieces.flatMap((piece) => [document.createElement("wbr"), piece]).slice(1));
  };
  const softenAll = (elements, shortest) => {
    for (const text of [...elements].flatMap(textsIn)) soften(text, shortest);
  };
  const isOneWord = (title) => !/\s/.test(title.textContent.trim());
  softenAll([...document.querySelectorAll(titles)].filter(isOneWord), 8);
  softenAll(document.querySelectorAll(names), 8);
  softenAll(document.querySelectorAll(others), 20);
}

// No line begins with the / or ± of a pair of numbers, or with the full stop after a formula.
function keepTogether() {
  for (const cell of document.querySelectorAll("td"))
    for (const text of textsIn(cell)) text.data = text.data.replace(/ (?=[/±] )/g, "\u00a0");
  for (const formula of document.querySelectorAll("span.math")) {
    const after = formula.nextSibling;
    const [end] = /^[.,;:)]*/.exec(after?.data ?? "");
    if (!end) continue;
    const whole = document.createElement("span");
    whole.style.whiteSpace = "nowrap";
    formula.replaceWith(whole);
    whole.append(formula, end);
    after.data = after.data.slice(end.length);
  }
}

// On a telephone, the text of a wide picture would be too small to read.
function letWidePicturesScroll() {
  const wrap = (image) => {
    if (image.naturalWidth < 850) return;
    const box = document.createElement("div");
    box.className = "wide-picture";
    image.replaceWith(box);
    box.append(image);
  };
  for (const image of document.querySelectorAll("article img"))
    if (image.complete) wrap(image);
    else image.addEventListener("load", () => wrap(image), { once: true });
}
