"""Annotated utterances to show the LLM: the store, the embedders and the similarity search."""

from spacy_catalog_ner.exemplars.embedders import SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.exemplar import Candidate, Exemplar
from spacy_catalog_ner.exemplars.gguf_embedder import GGUFEmbedder
from spacy_catalog_ner.exemplars.store import ExemplarStore

__all__ = ["Candidate", "Exemplar", "ExemplarStore", "GGUFEmbedder", "SentenceTransformerEmbedder"]
