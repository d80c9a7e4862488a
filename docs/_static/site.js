// Long names may break where a reader would break them: after _ . / and ( and before a capital.
document.addEventListener("DOMContentLoaded", () => {
  const names = ".bd-article td code, .bd-links a, .page-toc a, .prev-next-title, h1";
  const breaks = /(?<=[_./(=])(?=\w)|(?<=[a-z])(?=[A-Z])/;
  const soften = (text) => {
    const pieces = text.data.split(breaks);
    text.replaceWith(...pieces.flatMap((piece) => [document.createElement("wbr"), piece]).slice(1));
  };
  for (const element of document.querySelectorAll(names)) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    texts.filter((text) => breaks.test(text.data)).forEach(soften);
  }
});
