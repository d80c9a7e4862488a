"""scikit-learn's own checks, and those that `check_estimator` never yields."""

import pandas  # noqa: F401  without these two, several checks pass without looking
import polars  # noqa: F401  likewise
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skl_sparse_ae import (
    AutoencoderOutlierDetector,
    SparseAutoencoderTransformer,
    TopKAutoencoderTransformer,
    VariationalAutoencoderTransformer,
)

# The checks fit noise, constants and a handful of rows: our warnings are right there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    # Arrays and DataFrames are mixed on purpose.
    pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:X has feature names, but:UserWarning"),
    pytest.mark.filterwarnings("ignore:The codes have collapsed:UserWarning"),
    pytest.mark.filterwarnings("ignore:The mean activations are:UserWarning"),
    pytest.mark.filterwarnings("ignore:.* units are dead:UserWarning"),
]
ESTIMATORS = [
    SparseAutoencoderTransformer(n_components=5, solver="lbfgs", max_iter=50),
    SparseAutoencoderTransformer(n_components=5, solver="adam", max_iter=20),
    VariationalAutoencoderTransformer(n_components=5, max_iter=10),
    TopKAutoencoderTransformer(n_components=5, n_nonzero_coefs=2, max_iter=10),
    TopKAutoencoderTransformer(
        n_components=5, n_nonzero_coefs=2, max_iter=10, sparse_output=False, selection="row"
    ),
]
NEVER_YIELDED = [
    "check_param_validation",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
    "check_dataframe_column_names_consistency",
    "check_inplace_ensure_writeable",
    "check_estimators_partial_fit_n_features",
]
DETECTORS = [
    AutoencoderOutlierDetector(),
    AutoencoderOutlierDetector(ESTIMATORS[0], trim=0, contamination=0.1),
    AutoencoderOutlierDetector(make_pipeline(StandardScaler(), ESTIMATORS[2]), contamination=0.1),
]


@parametrize_with_checks(ESTIMATORS + DETECTORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", NEVER_YIELDED)
@pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=["lbfgs", "adam", "variational", "topk", "topk, dense"]
)
def test_checks_that_are_never_yielded(estimator, check):
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)
