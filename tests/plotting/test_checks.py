import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skl_sparse_ae.plotting._checks import (
    check_same_length,
    chosen_units,
    fitted_autoencoder,
    rows_and_shape,
)


def test_an_autoencoder_alone_has_nothing_before_it(autoencoder):
    assert fitted_autoencoder(autoencoder) == (None, autoencoder)
    assert fitted_autoencoder(make_pipeline(autoencoder)) == (None, autoencoder)


def test_the_autoencoder_is_found_in_the_middle_of_a_pipeline(autoencoder):
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler(), autoencoder, LinearRegression())
    before, found = fitted_autoencoder(pipeline)
    assert found is autoencoder
    assert list(before.named_steps) == ["standardscaler", "minmaxscaler"]


def test_a_pipeline_without_autoencoder_says_so():
    with pytest.raises(
        TypeError, match=r"Pipeline is not an autoencoder: .*and neither has any of its steps"
    ):
        fitted_autoencoder(make_pipeline(StandardScaler(), LinearRegression()))


@pytest.mark.parametrize(
    ("units", "expected"),
    [(None, range(5)), (2, [0, 1]), (np.int64(5), range(5)), ([3, 0, 3], [3, 0, 3])],
)
def test_units_are_all_or_the_first_or_those_named(units, expected):
    np.testing.assert_array_equal(chosen_units(units, 5), expected)


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (6, "units=6 is out of range: the estimator has 5 units"),
        (0, "units=0 is out of range"),
        ([1, 5], "unit=5 is out of range: there are 5, with indices 0 to 4"),
        ([-1], "unit=-1 is out of range"),
        ([], "non-empty sequence of indices"),
        ([True, False], "non-empty sequence of indices"),
        (True, "non-empty sequence of indices"),
        ([0.5], "non-empty sequence of indices"),
    ],
)
def test_units_that_there_are_not(units, message):
    with pytest.raises(ValueError, match=message):
        chosen_units(units, 5)


def test_lengths_are_named_with_their_arrays():
    check_same_length(a=[1, 2], b=[3, 4])
    with pytest.raises(ValueError, match="X, code have 2, 3 rows"):
        check_same_length(X=np.zeros((2, 1)), code=np.zeros((3, 1)))


def test_rows_and_the_shape_of_images_come_in_either_order():
    X = np.zeros((4, 6))
    assert rows_and_shape(X, (2, 3)) == rows_and_shape((2, 3), X) == (X, (2, 3))
    assert rows_and_shape([[0, 1]], [1, 2]) == ([[0, 1]], [1, 2])
