"""What the README shows runs as it stands, its figures and links are true, and its commands are
where CI looks for them.
"""

import re
import tomllib
from pathlib import Path

import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import skl_sparse_ae
from skl_sparse_ae import SparseAutoencoderTransformer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPET = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", flags=re.DOTALL)


def accuracies(text):
    return {
        name: float(value)
        for name, value in re.findall(r"^(.+?) +(\d\.\d+)$", text, flags=re.MULTILINE)
    }


def table(path, heading):
    """The first table below a heading that has figures: rows of cells."""
    section = path.read_text().split(heading)[1]
    rows = re.search(r"((?:^\|.*\n)+)", section, flags=re.MULTILINE).group(1)
    return [[cell.strip(" *") for cell in row.strip("|\n").split("|")] for row in rows.splitlines()]


@pytest.mark.filterwarnings("error")
def test_the_quick_start_shows_the_code_ahead_and_runs_without_a_warning(capsys):
    code, shown = SNIPPET.search(README).groups()
    exec(compile(code, "README.md", "exec"), {})
    printed = accuracies(capsys.readouterr().out)
    assert list(printed) == ["raw pixels", "sparse code"]
    assert printed == pytest.approx(accuracies(shown), abs=0.01)  # processors differ
    assert printed["sparse code"] > 0.015 + printed["raw pixels"]


@pytest.mark.parametrize("c", [0.3, 10, 100])
def test_the_code_stays_ahead_with_other_classifiers(c):
    at_most, at_least = map(float, re.search(r"at most (.+), and.* least (.+)\. ", README).groups())
    X, y = load_digits(return_X_y=True)
    pixels = LogisticRegression(C=c, max_iter=2000)
    code = make_pipeline(SparseAutoencoderTransformer(random_state=0), pixels)
    assert cross_val_score(pixels, X / 16, y).mean() < at_most + 0.001
    assert cross_val_score(code, X / 16, y).mean() > at_least - 0.01  # processors differ


def test_the_quick_start_fits_a_page():
    lines = SNIPPET.search(README).group(1).splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line]) <= 10


def test_the_comparison_is_that_of_the_performance_page():
    rows = table(ROOT / "docs" / "performance.md", "<!-- jobs -->")
    names = {"ours, L-BFGS": "SparseAutoencoderTransformer", "raw": "raw pixels"}
    measured = {(row[0], names.get(row[1], row[1])): row for row in rows}
    shown = table(ROOT / "README.md", "## Compared")[2:]
    assert len(shown) == 6
    for name, digits, mnist, seconds in shown:
        of_digits = measured["digits, k=64", name]
        of_mnist = measured["MNIST, k=196", name]
        assert float(digits) == pytest.approx(float(of_digits[5]), abs=6e-4)
        assert float(mnist) == pytest.approx(float(of_mnist[5]), abs=6e-4)
        assert not seconds or float(seconds) == pytest.approx(float(of_mnist[3]), abs=0.06)


def test_badges_say_what_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = [c.split(" :: ")[-1] for c in project["classifiers"] if ":: Python :: 3." in c]
    assert f"[Python {versions[0]} to {versions[-1]}]" in README
    assert project["requires-python"] == f">={versions[0]}"
    floor = next(d.split(">=")[1] for d in project["dependencies"] if d.startswith("scikit-learn"))
    assert f"[scikit-learn {floor} or later]" in README
    assert f"licence-{project['license'].replace('-', '--')}" in README


def test_links_lead_to_files():
    links = re.findall(r'\]\(([^)#]+)|(?:href|src)="([^"]+)"', README)
    files = [path for link in links if not (path := "".join(link)).startswith("https://")]
    assert len(files) > 20
    assert [path for path in files if not (ROOT / path).exists()] == []


def test_the_citation_is_of_this_version():
    citation = dict(re.findall(r"^([\w-]+): (.+)$", (ROOT / "CITATION.cff").read_text(), re.M))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == skl_sparse_ae.__version__
    assert citation["license"] == "BSD-3-Clause"


@pytest.mark.parametrize("marker", ["main job", "tests"])
def test_commands_follow_their_markers(marker):
    command = re.search(rf"<!-- {marker} -->\n```sh\n(.+)\n```", README).group(1)
    assert command.startswith("python3 -m venv")
