"""Patterns: made of annotated utterances or by a model, and checked."""

from spacy_catalog_ner.generation.patterns.pattern import Pattern

__all__ = ["Pattern"]
