"""The snippets of the guide run in order, and print what stands below them."""

import importlib
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import skl_sparse_ae

pytestmark = pytest.mark.usefixtures("no_figure_left")
DOCS = Path(__file__).parents[1] / "docs"
NUMBER = re.compile(r"\d+\.\d+")


PAGES = [page.name for page in sorted(DOCS.glob("*.md")) if "```text" in page.read_text()]


@pytest.mark.parametrize("page", PAGES)
def test_snippets_print_what_the_page_says(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, names = (DOCS / page).read_text(), {}
    shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, flags=re.DOTALL)
    assert len(shown) == text.count("```python")
    with warnings.catch_warnings():
        for code, expected in shown:
            exec(compile(code, page, "exec"), names)
            printed = capsys.readouterr().out
            assert NUMBER.sub("", printed) == NUMBER.sub("", expected)
            numbers = [float(number) for number in NUMBER.findall(printed)]
            assert numbers == pytest.approx(
                [float(n) for n in NUMBER.findall(expected)], abs=0.02
            )  # processors differ


MODULES = [
    "",
    *(
        f".{module.name}"
        for module in pkgutil.iter_modules(skl_sparse_ae.__path__)
        if module.name[0] != "_"
    ),
]


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(module):
    name = f"skl_sparse_ae{module}"
    sections = (DOCS / "api.md").read_text().split(".. currentmodule:: ")[1:]
    listed = {
        word
        for section in sections
        if section.split()[0] == name
        for word in re.findall(r"\w+", section)
    }
    assert set(importlib.import_module(name).__all__) <= listed


@pytest.mark.parametrize("page", PAGES)
def test_snippets_fit_the_page(page):
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    lines = [line for snippet in snippets for line in snippet.splitlines()]
    assert max(map(len, lines), default=0) <= 80
