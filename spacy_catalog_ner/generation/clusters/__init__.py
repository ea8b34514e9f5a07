"""Grouping similar utterances, and a picture of the groups."""
