"""Patterns filled with names of a catalog: annotated data sets, and their cards."""
