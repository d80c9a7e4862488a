"""Open every page of the built site in a browser, as wide as a desk's and as a telephone's.

    pip install --group site-check      # and Chromium, from the system's packages
    python docs/check_site.py docs/_build [--pictures FOLDER] [page.html ...]

The checks:

- nothing is cut off, or leaves its column or the window; on a telephone, code, tables and wide
  pictures scroll;
- no word is broken, but for names in code;
- formulas are rendered, and no request goes to another host: the site works without a network;
- links and anchors lead somewhere, and each page has its previous and next one;
- the search finds the pages that a reader looks for.

One line is printed for each failure, and the exit status is then 1. Without a browser it is 2.
"""

import argparse
import functools
import shutil
import sys
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

from playwright.sync_api import TimeoutError as NotFoundError
from playwright.sync_api import sync_playwright

DESK, TELEPHONE = 1400, 400
HEIGHT = 900
NO_WINDOW_BAR = "html { scrollbar-width: none }"  # a full picture would lose what is below it
LOOK = Path(__file__).with_suffix(".js").read_text()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SEARCHES = {  # words that a reader may type, and a page that must be among the first results
    "install": "getting_started",
    "Keras": "coming_from",
    "which class": "which_one",
    "outlier": "anomalies",
    "topics": "plot_text_topics",
    "large data": "scale",
    "ONNX": "elsewhere",
    "Hoyer": "hoyer_sparsity",
}
FIRST = 5
TOOLS = ("genindex.html", "py-modindex.html", "search.html")  # outside the order of reading
MAY_SCROLL = ("pre", "div.pst-scrollable-table-container", "div.wide-picture")


class Finding(NamedTuple):
    """Something wrong: on which page, at which width, in which element, and what."""

    page: str
    width: int
    element: str
    what: str

    def __str__(self):
        return f"{self.page} at {self.width} pixels: {self.element} {self.what}"

    @property
    def counts(self):
        """False for what may scroll on a telephone."""
        scrolls = self.what == "scrolls" and self.element.startswith(MAY_SCROLL)
        return not (scrolls and self.width == TELEPHONE)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_):
        """Do nothing."""


class QuietServer(ThreadingHTTPServer):
    """Says nothing when the browser leaves a page before all of it has come."""

    def handle_error(self, *_):
        """Do nothing: what is missing is a finding."""


@contextmanager
def served(folder):
    """The address of `folder` on a local server."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with QuietServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def browser_tab(executable):
    """A tab of a browser with a new profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=FLAGS,
            ignore_default_args=["--hide-scrollbars"],  # they take room from the page
        )
        yield browser.new_page()
        browser.close()


class Check:
    """The findings on the pages of one site, which is served at `home` from `folder`."""

    def __init__(self, tab, home, folder, pictures=None):
        self.tab, self.home, self.folder, self.pictures = tab, home, folder, pictures
        self.page, self.width = "index.html", DESK
        self.findings, self.facts = [], {}
        tab.route(lambda url: not url.startswith(home), self._refuse)
        tab.on("response", self._note_response)
        tab.on("pageerror", lambda error: self._add("script", f"fails: {error}"))

    def _add(self, element, what):
        self.findings.append(Finding(self.page, self.width, element, what))

    def _refuse(self, route):
        self._add(route.request.url, "is requested from another host")
        route.abort()

    def _note_response(self, response):
        if not response.ok and response.status != 304:
            self._add(response.url, f"answers {response.status}")

    def _resize(self, width):
        self.width = width
        self.tab.set_viewport_size({"width": width, "height": HEIGHT})

    def look_at(self, page):
        """Open the page, and look at it at both widths."""
        self.page = page
        self._resize(DESK)
        self.tab.goto(self.home + page)
        self.tab.evaluate("window.MathJax?.startup?.promise")
        for width in (DESK, TELEPHONE):
            self._resize(width)
            facts = self.tab.evaluate(LOOK)
            for what, element in facts.pop("findings"):
                self._add(element, what)
            self._draw()
        self.facts[page] = facts

    def _draw(self):
        if self.pictures is not None:
            name = self.page.replace("/", "-").removesuffix(".html")
            path = self.pictures / str(self.width) / f"{name}.png"
            self.tab.screenshot(path=path, full_page=True, style=NO_WINDOW_BAR)

    def follow_links(self):
        """Each link within the site leads to a file, and to an element with that id."""
        for page, facts in self.facts.items():
            self.page, self.width = page, DESK
            for link in sorted(set(facts["links"])):
                self._follow(link)

    def _follow(self, link):
        address, anchor = urldefrag(link)
        if not address.startswith(self.home):
            return
        target = unquote(urlsplit(address).path).lstrip("/") or "index.html"
        if not (self.folder / target).is_file():
            self._add(link, "leads nowhere")
        elif anchor and target in self.facts and anchor not in self.facts[target]["ids"]:
            self._add(link, "has no such anchor")

    def follow_the_order(self):
        """Each page has a next one but the last, and a previous one but the first."""
        pages = [page for page in self.facts if page not in TOOLS]
        first = [page for page in pages if not self.facts[page]["previous"]]
        last = [page for page in pages if not self.facts[page]["next"]]
        for end, what in ((first, "previous"), (last, "next")):
            for self.page in sorted(end) if len(end) > 1 else ():
                self._add("page", f"has no {what} one, like {len(end) - 1} other pages")

    def search_for(self, words, target, width):
        """Type the words into the search box of the first page, and look for the target's link."""
        self.page = "index.html"
        self._resize(width)
        self.tab.goto(self.home)
        self.tab.locator("button.search-button__button:visible").first.click()
        self.tab.keyboard.type(words)
        self.tab.keyboard.press("Enter")
        link = f"ul.search > li:nth-child(-n + {FIRST}) a[href*='{target}.html']"
        try:
            self.tab.locator(link).first.wait_for(timeout=10_000)
        except NotFoundError:
            self._add("search", f"for {words!r} has no {target} among the first {FIRST}")


def site_pages(folder):
    """The pages of a built site, relative to its folder."""
    pages = (path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    return sorted(page for page in pages if not page.startswith("_"))


def check(executable, folder, pictures, pages):
    """Check these pages, or the whole site if there are none. Returns the findings."""
    with served(folder) as home, browser_tab(executable) as tab:
        site = Check(tab, home, folder, pictures)
        for page in pages or site_pages(folder):
            site.look_at(page)
        if not pages:
            site.follow_links()
            site.follow_the_order()
            for words, target in SEARCHES.items():
                site.search_for(words, target, DESK)
                site.search_for(words, target, TELEPHONE)
    print(f"{len(site.facts)} pages at {DESK} and {TELEPHONE} pixels")
    return [finding for finding in site.findings if finding.counts]


def arguments():
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the built site")
    parser.add_argument("--pictures", type=Path, help="where to write a picture of each page")
    parser.add_argument("pages", nargs="*", help="all, unless given")
    return parser.parse_intermixed_args()


def main():
    """Print the findings. Returns the exit status."""
    args = arguments()
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        print(f"None of {', '.join(BROWSERS)} is installed", file=sys.stderr)
        return 2
    findings = check(executable, args.folder, args.pictures, args.pages)
    print(*findings, sep="\n")
    print(f"{len(findings)} findings")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
