"""The documentation's way of saving cannot destroy the old file."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

from skl_sparse_ae import SparseAutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # short fits
X = np.random.default_rng(0).normal(size=(500, 3)) @ np.random.default_rng(1).normal(size=(3, 6))

RELIABILITY = Path(__file__).parents[2] / "docs" / "reliability.md"


@pytest.fixture(scope="module")
def snippet():
    pattern = r"<!-- atomic saving -->\n+```python\n(.*?)```"
    return re.search(pattern, RELIABILITY.read_text(encoding="utf-8"), flags=re.DOTALL).group(1)


@pytest.fixture
def save(snippet):
    names = {}
    exec(snippet, names)
    return names["save"]


class Unfinished:
    """Fails in the middle of being saved."""

    def __reduce__(self):
        raise KeyboardInterrupt


def test_the_snippet_saves_and_replaces(save, tmp_path, monkeypatch, frozen):
    monkeypatch.chdir(tmp_path)
    for seed, path in ((0, "model"), (1, tmp_path / "model"), (2, str(tmp_path / "model"))):
        model = SparseAutoencoderTransformer(4, max_iter=8, tol=0, random_state=seed).fit(X)
        save(model, path)
        assert frozen(vars(joblib.load(tmp_path / "model"))) == frozen(vars(model))
    assert os.listdir(tmp_path) == ["model"]


def test_a_save_that_fails_leaves_the_old_file_alone(save, tmp_path):
    save(np.arange(10.0), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        save([np.zeros(100_000), Unfinished()], tmp_path / "model")
    assert (tmp_path / "model").read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


def test_a_full_disk_leaves_the_old_file_alone(snippet, save, tmp_path):
    pytest.importorskip("resource")
    save(np.arange(10.0), tmp_path / "model")
    before = (tmp_path / "model").read_bytes()
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5))"
    code = f"{snippet}\n{limit}\nsave(list(range(10**5)), 'model')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=600
    )
    assert result.returncode == 1
    assert "OSError" in result.stderr.splitlines()[-1]
    assert (tmp_path / "model").read_bytes() == before
    assert os.listdir(tmp_path) == ["model"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_process_killed_while_saving_leaves_a_whole_file(snippet, tmp_path):
    path, size = tmp_path / "model", 3 * 10**5
    loop = f"    save([i] * {size}, {json.dumps(str(path))})\n    print(i, flush=True)"
    code = f"{snippet}\nfor i in range(10**9):\n{loop}"
    for delay in (0.0, 0.05, 0.13):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        while process.stdout.readline() != "1\n":
            assert process.poll() is None
        time.sleep(delay)
        process.kill()
        process.communicate()
        numbers = joblib.load(path)
        assert numbers == numbers[:1] * size
