"""Pointwise maths: activations, losses, penalties, layers."""
