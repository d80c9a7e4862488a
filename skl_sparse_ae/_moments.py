"""Column moments of rows, and of more and more rows as `partial_fit` sees them."""

from typing import NamedTuple

import numpy as np

# Rows before are forgotten if more rows come whose variance is less than this share of that of both together, ...
ODD_SHARE = 0.01
MIN_ROWS = 16  # ... but for so few rows: they can be close to each other by chance.


class Moments(NamedTuple):
    """Of `n_rows` rows: mean and variance of each column, and the loss of a perfect reconstruction."""

    n_rows: int
    mean: np.ndarray  # (n_features,) float64
    variance: np.ndarray  # (n_features,) float64
    floor: float  # mean over rows and features; 0 for the squared error with an identity decoder

    def merged(self, other):
        """The moments of both sets of rows together.

        Source: T. Chan, G. Golub & R. LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances
        (1979).
        """
        n_rows = self.n_rows + other.n_rows
        share = other.n_rows / n_rows
        shift = other.mean - self.mean
        variance = (1 - share) * self.variance + share * other.variance + share * (1 - share) * np.square(shift)
        floor = (1 - share) * self.floor + share * other.floor
        return Moments(n_rows, self.mean + share * shift, variance, floor)

    def updated(self, other):
        """The moments of all rows so far, of which `other` are the latest.

        Of the latest alone, if fewer rows before them account for nearly all of the variance of both: an odd first batch.
        """
        both, of_latest = self.merged(other), other.variance.sum()
        has_more_rows = other.n_rows >= max(self.n_rows, MIN_ROWS)
        return other if has_more_rows and 0 < of_latest < ODD_SHARE * both.variance.sum() else both
