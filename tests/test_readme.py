"""What the README shows runs as it stands, and its commands are where CI looks for them."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.filterwarnings("error")
def test_the_quick_start_runs_without_a_warning():
    code = re.search(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL).group(1)
    names = {}
    exec(compile(code, str(README), "exec"), names)
    assert names["code"].shape == (1797, 64)
    assert names["search"].best_score_ > 0.85


@pytest.mark.parametrize("marker", ["main job", "tests"])
def test_commands_follow_their_markers(marker):
    command = re.search(rf"<!-- {marker} -->\n```sh\n(.+)\n```", README.read_text()).group(1)
    assert command.startswith("python3 -m venv")
