"""Arrays: products and sums in place, and scratch memory."""
