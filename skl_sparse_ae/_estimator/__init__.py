"""What every estimator shares: validation, transactions, monitoring, saved state."""
