"""The page "Which one?": its figures are on the pages it links to, its drawing names each class."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import skl_sparse_ae
from skl_sparse_ae import dask

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "which_one.md").read_text()
FIGURE = re.compile(r"\b0\.\d{2,4}\b")
ROWS = [
    row for row in re.findall(r"^\|.*$", PAGE, re.MULTILINE) if FIGURE.search(row) and ".md" in row
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip(" `"))
def test_figures_are_where_the_links_lead(row):
    pages = re.findall(r"\]\((\w+\.md)", row)
    measured = "\n".join((DOCS / page).read_text() for page in pages)
    assert set(FIGURE.findall(row)) <= set(FIGURE.findall(measured))


def test_the_drawing_and_the_list_name_the_same_classes():
    drawing = ElementTree.parse(DOCS / "images" / "which_one.svg")
    words = "".join(text.strip() for text in drawing.getroot().itertext())
    in_words = PAGE.split("## In words")[1]
    for name in [*skl_sparse_ae.__all__, *dask.__all__]:
        if name.startswith(("Auto", "Sparse", "TopK", "Variational", "Dask")):
            assert name in words
            assert name in in_words
