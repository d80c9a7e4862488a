// A long name may break where a reader would break it: after _ . / and =, and before a capital.
document.addEventListener("DOMContentLoaded", () => {
  const names = "h1, .sig-name, .sig-prename, td code, .bd-links a, .page-toc a, .prev-next-title";
  const prose = "td, dd p, cite, :not(pre) > code, .classifier, .indextable a";
  const breaks = /(?<=[_./=])(?=\w)|(?<=[a-zA-Z])(?=[A-Z][a-z])/;

  const MARK = "\u200b";
  const soften = (text, shortest) => {
    const mark = (word) => (word.length < shortest ? word : word.split(breaks).join(MARK));
    const pieces = text.data.replace(/\S+/g, mark).split(MARK);
    if (pieces.length > 1)
      text.replaceWith(...pieces.flatMap((piece) => [document.createElement("wbr"), piece]).slice(1));
  };
  const texts = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found.filter((text) => !text.parentElement.closest(".math"));
  };
  for (const cell of document.querySelectorAll("td"))
    for (const text of texts(cell)) text.data = text.data.replace(/ (?=[/±] )/g, "\u00a0");
  for (const [selector, shortest] of [[names, 8], [prose, 20]])
    for (const element of document.querySelectorAll(selector))
      for (const text of texts(element)) soften(text, shortest);
});
