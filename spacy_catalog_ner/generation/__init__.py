"""Making conversational data sets: from traffic to patterns, and from patterns to utterances.

Each module is one step, which reads and writes JSONL: utterances are detected, clustered, turned
into patterns, reviewed by people, and populated with names of a catalog.
"""

from spacy_catalog_ner.generation.pattern import Pattern

__all__ = ["Pattern"]
