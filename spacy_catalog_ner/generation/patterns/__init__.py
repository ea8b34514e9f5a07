"""Utterances with slots for names: abstraction, generation by an LLM, checks."""

from spacy_catalog_ner.generation.patterns.pattern import Pattern

__all__ = ["Pattern"]
