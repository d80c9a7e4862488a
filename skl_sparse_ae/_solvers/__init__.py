"""Solvers: functions of functions, which know nothing of autoencoders."""
