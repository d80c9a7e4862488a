"""The benchmarks run on tiny tables, their list is complete, and the report finds its places."""

import importlib.util
import inspect
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


def guard():
    spec = importlib.util.spec_from_file_location("fits", BENCHMARKS / "guard" / "fits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["Digits", "Mnist"])
def test_timed_functions_run(name):
    case = getattr(guard(), name)()
    case.setup()
    timed = [
        function for key, function in inspect.getmembers(case, callable) if key.startswith("time_")
    ]
    assert len(timed) == 4
    for function in timed:
        function()


def test_tracked_figures_mean_something():
    case = guard().NotSeconds()
    assert 0.0135 < case.track_objective() < 0.014  # 0.0135 after hundreds of iterations
    code, encoder = 4e-6 * 2000 * 196, 8e-6 * 784 * 196
    assert case.track_memory("lbfgs") > code + 20 * encoder  # SciPy's history alone
    assert np.isclose(case.track_memory("adam"), 14, rtol=0.5)


def test_the_list_of_benchmarks_is_that_of_their_readme(benchmark):
    text = benchmark("__main__").listing()
    assert text in (BENCHMARKS / "README.md").read_text()


def test_every_module_with_a_command_line_is_in_the_list(benchmark):
    """Each has a question and a command that runs it, and says how long that takes."""
    listed = set()
    for _, question, command, duration in benchmark("__main__").benchmarks():
        assert question.endswith("?")
        assert duration
        listed.add(next(filter(None, map(module_in, command.split())), None))
    scripts = {
        name_of(path)
        for path in BENCHMARKS.glob("*/*.py")
        if '__name__ == "__main__"' in path.read_text()
    }
    assert scripts == listed - {"asv.conf.json"}


def module_in(word):
    """The module that a word of a command names, or None."""
    word = word.removesuffix(".py").replace("/", ".")
    return word.removeprefix("benchmarks.") if word.startswith("benchmarks.") else None


def name_of(path):
    return ".".join(path.relative_to(BENCHMARKS).with_suffix("").parts).removesuffix(".__main__")


def test_private_names_are_imported_in_one_place():
    private = re.compile(r"skl_sparse_ae(\.\w+)*\._|from skl_sparse_ae import .*\b_")
    users = [p.name for p in BENCHMARKS.rglob("*.py") if private.search(p.read_text())]
    assert users == ["core.py"]


@pytest.mark.parametrize("page", ["performance.md", "solvers.md"])
def test_each_place_of_a_table_has_its_end(page):
    marks = re.findall(r"<!-- (.*?) -->", (ROOT / "docs" / page).read_text())
    assert marks
    assert marks[1::2] == ["end"] * (len(marks) // 2)
    assert len(set(marks[::2])) == len(marks[::2])


@pytest.fixture
def performance():
    return (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")


def test_a_page_is_filled_in_its_places_only(benchmark, performance):
    tables = benchmark("speed.tables")
    stored = tables.places(performance)
    assert tables.filled(performance, {}) == performance
    made = tables.table(["a", "b"], [[1, "x"], [2, ""]])
    page = tables.filled(performance, {"growth": made})
    assert tables.places(page).keys() == stored.keys()
    assert tables.places(page)["jobs"] == stored["jobs"]
    assert tables.columns_of(tables.places(page)["growth"]) == ["a", "b"]
    assert tables.rows_of(tables.places(page)["growth"]) == [["1", "x"], ["2", ""]]
    assert page.replace("\n".join(made), "") == performance.replace(
        "\n".join(line for line in stored["growth"] if line), ""
    )


@pytest.mark.usefixtures("no_figure_left")
def test_pictures_are_drawn_from_the_tables_of_the_page(benchmark, performance, tmp_path):
    pictures, tables = (benchmark(f"speed.{name}") for name in ("pictures", "tables"))
    stored = tables.places(performance)
    pictures.draw(stored, [], tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {"times", "jobs", "growth"}

    one, two = pictures.draw_times(stored["times"]).axes
    assert len(one.get_yticks()) == len(two.get_yticks()) == 7
    rows = [row for row in tables.rows_of(stored["times"]) if row[1] == "1"]
    (numpy,) = [line for line in one.lines if line.get_label() == "textbook NumPy"]
    np.testing.assert_array_equal(numpy.get_xdata(), [float(row[4]) for row in rows])

    digits, _ = pictures.draw_jobs(stored["jobs"]).axes
    shown = dict(zip(*labels_and_values(digits), strict=True))
    assert shown["pixels, no code"] == 0.9578
    assert list(shown.values()) == sorted(shown.values(), reverse=True)

    axes = pictures.draw_growth(stored["growth"]).axes
    assert [axis.get_xlabel() for axis in axes] == ["rows", "features", "units"]
    slope = pictures.slope(*axes[0].lines[0].get_data())
    assert float(axes[0].get_title().removeprefix("slope ")) == pytest.approx(slope, abs=0.01)


def labels_and_values(axis):
    """The names of the ticks, and the first coordinates of the points."""
    names = [label.get_text() for label in axis.get_yticklabels()]
    return names, axis.collections[-1].get_offsets()[:, 0].tolist()


@pytest.fixture
def benchmark(monkeypatch):
    """Imports a module of `benchmarks` by its name. Those that need PyTorch cannot be imported."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("shape", [(500, 256, 32), (30, 2000, 40)])
def test_the_formula_of_memory_is_a_bound(benchmark, solver, shape):
    memory = benchmark("scale.memory")
    measured, bound = memory.megabytes(*shape, solver), memory.formula(*shape, solver)
    assert measured < bound


def test_frames_are_compared_from_one_start(benchmark, monkeypatch, images):
    frames = benchmark("study.frames")
    monkeypatch.setattr(frames, "CHECKPOINTS", (1, 3))
    curves = frames.compare(images, 4)
    assert np.shape(curves) == (5, 2)
    assert all(first > last for first, last in curves)


def test_scales_are_compared_on_matching_objectives(benchmark, monkeypatch, images):
    scales = benchmark("study.scales")
    monkeypatch.setattr(scales, "MAX_ITER", 3)
    curves = []
    for c in (1.0, 1e3):
        problem = scales.framed(c * images, 4, c)
        curves.append(scales.curve(problem, c * images, scales.own_start(problem, c * images), c))
    np.testing.assert_allclose(*curves, rtol=1e-6)


def test_readings_are_counted(benchmark, images):
    out_of_core = benchmark("scale.out_of_core")
    found = out_of_core.forms(images, 4, "squared_error")
    assert {name: n_reads for name, (_, n_reads) in found.items()} == {
        "all weights, two readings": 2,
        "all weights, one reading": 1,
        "decoder eliminated": 2,
    }
    for problem, n_reads in found.values():
        readings, values = zip(*out_of_core.reads_until(problem, images, n_reads, 3), strict=True)
        assert len(values) == 3
        assert readings[0] >= n_reads
        assert list(readings) == sorted(readings)


def test_problems_of_the_cluster_are_those_of_a_fit(benchmark, images):
    pytest.importorskip("distributed")
    core = benchmark("core")
    for problem, x in benchmark("scale.dask_scaling").problems(images, 4).values():
        with core.evaluation(problem, x, images) as evaluate:
            assert np.isfinite(evaluate()[0])


def test_epochs_of_the_variational_autoencoder_make_progress(benchmark, monkeypatch):
    variational = benchmark("study.variational")
    monkeypatch.setattr(variational, "HIDDEN", (8,))
    monkeypatch.setattr(variational, "N_COMPONENTS", 2)
    epochs = variational.our_epochs(np.random.default_rng(0).random((300, 9), dtype=np.float32))
    losses = [next(epochs) for _ in range(5)]
    assert losses[-1] < losses[0]


def test_the_defaults_on_mnist_are_measured(benchmark, monkeypatch, capsys, tmp_path):
    rng, module = np.random.default_rng(0), benchmark("study.mnist_defaults")
    y = rng.integers(2, size=120)
    np.savez(tmp_path / "rows.npz", X=255 * rng.random((120, 9)) * y[:, None], y=y)
    monkeypatch.setattr(module, "N_TRAIN", 60)
    monkeypatch.setattr(module, "K", 4)
    module.fit(tmp_path / "rows.npz", "lbfgs", 0)
    _, n_iter, r2, accuracy = map(float, capsys.readouterr().out.split())
    assert n_iter > 1
    assert 0 < r2 < 1
    assert accuracy > 0.9


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("SKL_SPARSE_AE_MNIST", "not read here")
    return importlib.import_module("benchmarks.study.tables")


def test_no_source_of_a_table_serves_for_both_the_choice_and_the_report(tables):
    roles, kinds = {}, {}
    for table in tables.TABLES.values():
        roles.setdefault(re.split("[ ,']", table.name)[0], set()).add(table.role)
        kinds.setdefault(table.kind, set()).add(table.role)
    in_both = [source for source, of_source in roles.items() if len(of_source) == 2]
    assert in_both == ["genes"]  # of two seeds
    assert all(of_kind == {tables.CHOSEN, tables.REPORTED} for of_kind in kinds.values())


def test_test_rows_do_not_move_the_scaling_of_a_table(tables):
    X_train, X_test, y_train, y_test = tables.TABLES["wine min-max"].load(1)
    assert np.array_equal(X_train.min(axis=0), np.zeros(13))
    assert np.allclose(X_train.max(axis=0), 1)
    assert (X_test.max(axis=0) < 1).any()
    assert X_test.max() <= 1  # beyond the training rows' range: clipped
    assert np.allclose(np.bincount(y_train) / 124, np.bincount(y_test) / 54, atol=0.02)


def test_figures_of_a_representation(tables):
    figures, rng = importlib.import_module("benchmarks.study.figures"), np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    assert figures.explained(X, X.mean(axis=0)) == 0
    assert figures.agreement(X, 2 * X[rng.permutation(60)]) == pytest.approx(1)
    assert figures.agreement(X, -X, signed=False) == pytest.approx(1)
    y = (X[:, 0] > 0).astype(int)
    X[:, 0] *= 1e6
    assert figures.accuracy(X[:40], X[40:], y[:40], y[40:]) > 0.8


@pytest.fixture
def comparison(benchmark, monkeypatch):
    """The comparison of TopK codes, on few rows, and without the peers that take long."""
    module = benchmark("study.topk")
    monkeypatch.setattr(module, "N_TEST", 50)
    return module


@pytest.mark.parametrize("contender", ["ours", "ours, 256", "principal", "sigmoid", "dictionary"])
def test_codes_are_compared_and_the_study_goes_on_from_its_file(comparison, tmp_path, contender):
    path, matrices = tmp_path / "topk.json", {"mixtures": (lambda: comparison.superposed(250), 40)}
    results = comparison.study(path, matrices, [contender], 2)
    assert {r["l0"] for r in results} >= set(comparison.L0S)
    assert all(0 < r["unexplained"] < 1.5 for r in results)
    assert comparison.study(path, matrices, [contender], 2) == results
    header, *rows = comparison.tables(results).splitlines()[2:]
    assert all(row.count("|") == header.count("|") for row in rows)


def test_the_twin_learns_with_as_many_active_units_as_asked(comparison):
    pytest.importorskip("torch")
    X = comparison.superposed(400)[0].astype(np.float32)
    task = comparison.Task(width=100, l0=8, epochs=5, seed=0)
    peers = importlib.import_module("benchmarks.study.topk_peers")
    *_, network = peers.twin(X, task, (8,))
    assert network.search["rate"] in peers.RATES
    code = network.code(X)
    assert np.count_nonzero(code) == pytest.approx(8 * len(X), abs=1)
    assert np.allclose(np.linalg.norm(network.atoms, axis=1), 1, atol=1e-5)
    assert comparison.unexplained(X, network.decode(code)) < 0.7


def test_a_choice_of_the_trainer_changes_the_fit_and_is_undone(benchmark, monkeypatch):
    study = benchmark("study.topk_defaults")
    monkeypatch.setattr(study, "N_TEST", 50)
    X = study.superposed(300)[0].astype(np.float32)
    errors = [
        study.figures(X, 40, 0, 3, **changed)[0]
        for changed in ({}, {"falling_share": 0.9}, {"groups": 1}, {"batch_size": 50}, {})
    ]
    assert len(set(errors)) == 4
    assert errors[0] == errors[-1]


def test_unexplained_variance_of_the_mean_is_one(comparison):
    X = np.random.default_rng(0).normal(size=(50, 3))
    assert comparison.unexplained(X, np.broadcast_to(X.mean(axis=0), X.shape)) == pytest.approx(1)


@pytest.fixture
def outliers(tables, benchmark, monkeypatch):
    """The study of the outlier detector, on one small table, whose anomalies are rows of 9."""
    with warnings.catch_warnings(action="ignore"):  # optional tables may be missing
        study, module = benchmark("study.outliers"), benchmark("study.outlier_tables")

    def draw(split):
        X = np.random.default_rng(split).normal(size=(120, 3))
        X[100:] += 9
        return X, np.arange(120) >= 100

    table = module.Table("small", tables.REPORTED, draw)
    monkeypatch.setitem(module.TABLES, "small", table)
    monkeypatch.setattr(study, "with_role", lambda role: [table] if role == table.role else [])
    monkeypatch.setattr(study, "SPLITS", [0])
    module._load.cache_clear()
    return study


def test_the_share_of_anomalies_changes_no_number_of_rows(outliers):
    [table] = outliers.with_role(outliers.REPORTED)
    for share in (0, 0.05, 0.1):
        X_train, X_test, is_anomaly = table.load(share)
        assert (len(X_train), len(X_test)) == (60, 54)
        assert np.count_nonzero(X_train.mean(axis=1) > 5) == round(60 * share)
        assert np.array_equal(X_test.mean(axis=1) > 5, is_anomaly)
        assert not {*map(tuple, X_train)} & {*map(tuple, X_test)}


def test_detectors_are_compared_and_the_study_goes_on_from_its_file(outliers, tmp_path, capsys):
    path = tmp_path / "fits.jsonl"
    studies = {outliers.REPORTED: {"default": outliers.default, "PCA": outliers.PEERS["PCA"]}}
    for _ in range(2):
        outliers.run(path, studies)
        records = outliers.read(path)
        assert len(records) == 2 * 3
    clean = [record for record in records if record["share"] == 0]
    assert clean[0]["auc"] == clean[0]["auto, found"] == 1
    assert "auto, found" not in clean[1]  # PCA has no threshold
    outliers.print_tables(records)
    assert "| default | 1.000 |" in capsys.readouterr().out
