"""The public names of the package."""

from skl_sparse_ae import metrics


def test_all_that_is_public_is_listed_and_documented():
    public = {
        name
        for name, thing in vars(metrics).items()
        if getattr(thing, "__module__", "") == metrics.__name__
    }
    public = {name for name in public if not name.startswith("_")}
    assert set(metrics.__all__) == public
    assert all(">>>" in getattr(metrics, name).__doc__ for name in public)
