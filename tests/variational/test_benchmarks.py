"""The studies of the variational autoencoder still run, on a tiny table."""

import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("SKL_SPARSE_AE_MNIST", "not read here")
    return importlib.import_module("benchmarks.study.variational_defaults")


def split(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 1)) @ np.ones((1, 4)) + 0.1 * rng.normal(size=(60, 4))
    return X[:40], X[40:]


def test_the_study_of_the_defaults(study, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(study, "TABLES", [study.Table("tiny", study.REPORTED, split)])
    monkeypatch.setitem(study.SETTINGS, "before", {"max_iter": 3})
    study.run(tmp_path / "fits.jsonl", study.REPORTED, range(2))
    records = study.read(tmp_path / "fits.jsonl")
    assert [record["setting"] for record in records] == 4 * ["before", "default"]
    assert all(
        now["in sample"] > before["in sample"]
        for before, now in zip(records[::2], records[1::2], strict=True)
    )
    capsys.readouterr()
    study.print_tables(tmp_path / "fits.jsonl")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("| tiny | squared_error |") for line in lines) == 2
    assert sum(line.startswith("| default |") for line in lines) == 1


def test_a_study_goes_on_where_it_stopped(study, monkeypatch, tmp_path):
    monkeypatch.setattr(study, "TABLES", [study.Table("tiny", study.REPORTED, split)])
    monkeypatch.setattr(study, "SETTINGS", {"before": {"max_iter": 1}, "default": {"max_iter": 1}})
    for n_seeds in (1, 2, 2):
        study.run(tmp_path / "fits.jsonl", study.REPORTED, range(n_seeds))
        assert len(study.read(tmp_path / "fits.jsonl")) == 4 * n_seeds


def test_no_table_but_mnist_serves_for_both_the_choice_and_the_report(study):
    sources = [
        {t.name.split()[0] for t in study.TABLES if t.role == role}
        for role in (study.CHOSEN, study.REPORTED)
    ]
    assert {name.strip(",") for name in sources[0] & sources[1]} == {"MNIST"}


def test_epochs_beside_those_of_pytorch(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    benchmark = importlib.import_module("benchmarks.study.variational")
    epochs = benchmark.our_epochs(np.random.default_rng(0).random((40, 9), dtype=np.float32))
    first, second = (next(epochs) for _ in range(2))
    assert second < first
