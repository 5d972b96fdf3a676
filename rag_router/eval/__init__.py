"""Measuring and fitting on questions with known answers."""
