"""Annotated utterances to show the LLM: the store, the embedders and the similarity search."""

from spacy_catalog_ner.exemplars.embedders import SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.store import Exemplar, ExemplarStore

__all__ = ["Exemplar", "ExemplarStore", "SentenceTransformerEmbedder"]
