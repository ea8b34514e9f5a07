from spacy_catalog_ner.components.span_finder import SpanFinder as SpanFinder
from spacy_catalog_ner.components.token_forms import TokenForms as TokenForms
