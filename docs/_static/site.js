document.addEventListener("DOMContentLoaded", () => {
  breakLongNames();
  keepTogether();
});

const textsIn = (element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) found.push(walker.currentNode);
  return found.filter((text) => !text.parentElement.closest(".math"));
};

// A long name may break where a reader would break it: after _ . / and =, and before a capital.
function breakLongNames() {
  const names = "h1, .sig-name, .sig-prename, td code, .bd-links a, .page-toc a, .prev-next-title";
  const prose = "td, dd p, cite, :not(pre) > code, .classifier, .indextable a";
  const breaks = /(?<=[_./=])(?=\w)|(?<=[a-zA-Z])(?=[A-Z][a-z])/;
  const mark = "\u200b";
  const soften = (text, shortest) => {
    const marked = (word) => (word.length < shortest ? word : word.split(breaks).join(mark));
    const pieces = text.data.replace(/\S+/g, marked).split(mark);
    if (pieces.length > 1)
      text.replaceWith(...pieces.flatMap((piece) => [document.createElement("wbr"), piece]).slice(1));
  };
  for (const [selector, shortest] of [[names, 8], [prose, 20]])
    for (const element of document.querySelectorAll(selector))
      for (const text of textsIn(element)) soften(text, shortest);
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
