"""Evaluation, against seqeval and spaCy."""
