"""Tables of Markdown in the pages of the documentation: made, put in their places and read again.

A place is ``<!-- its name -->``, a table or a picture, and ``<!-- end -->``. No PyTorch is needed.
"""

import re

PLACE = re.compile(r"<!-- (?P<name>[^\n]*?) -->\n(?P<text>.*?)<!-- end -->", flags=re.DOTALL)


def table(columns, rows):
    """Lines of Markdown; none without rows."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)] + lines if lines else []


def filled(page, tables):
    """The text of a page with the tables, ``{name: lines}``, in their places."""

    def place(found):
        lines = tables.get(found["name"])
        if lines is None:
            return found[0]
        return "\n".join([f"<!-- {found['name']} -->", "", *lines, "", "<!-- end -->"])

    return PLACE.sub(place, page)


def places(page):
    """What stands in the places of a page: ``{name: lines}``."""
    return {found["name"]: found["text"].splitlines() for found in PLACE.finditer(page)}


def rows_of(lines):
    """The rows of a table, each a list of texts, without its head."""
    texts = [line.strip() for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in text[1:-1].split("|")] for text in texts[2:]]


def columns_of(lines):
    """The names of a table's columns."""
    head = next(line for line in lines if line.startswith("|"))
    return [cell.strip() for cell in head.strip()[1:-1].split("|")]
