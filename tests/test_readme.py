"""What the README shows runs as it stands, and its commands are where CI looks for them."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SNIPPET = re.compile(r"```python\n(.*?)```\n\n```text\n(.*?)```", flags=re.DOTALL)


def accuracies(text):
    return {
        name: float(value)
        for name, value in re.findall(r"^(.+?) +(\d\.\d+)$", text, flags=re.MULTILINE)
    }


@pytest.mark.filterwarnings("error")
def test_the_quick_start_shows_the_code_ahead_and_runs_without_a_warning(capsys):
    code, shown = SNIPPET.search(README.read_text()).groups()
    exec(compile(code, str(README), "exec"), {})
    printed = accuracies(capsys.readouterr().out)
    assert list(printed) == ["raw pixels", "PCA", "sparse code"]
    assert printed == pytest.approx(accuracies(shown), abs=0.01)  # processors differ
    assert printed["sparse code"] > 0.01 + max(printed["raw pixels"], printed["PCA"])


def test_the_quick_start_fits_a_page():
    assert max(map(len, SNIPPET.search(README.read_text()).group(1).splitlines())) <= 80


@pytest.mark.parametrize("marker", ["main job", "tests"])
def test_commands_follow_their_markers(marker):
    command = re.search(rf"<!-- {marker} -->\n```sh\n(.+)\n```", README.read_text()).group(1)
    assert command.startswith("python3 -m venv")
