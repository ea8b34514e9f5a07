"""Conversational data sets: utterances from traffic become patterns, patterns become utterances.

The rooms follow the steps: traffic, clusters, patterns, review, population.
"""
