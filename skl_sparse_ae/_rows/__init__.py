"""Rows of X: what they are, in pieces, and who works on the pieces."""
