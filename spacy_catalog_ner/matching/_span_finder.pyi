from spacy_catalog_ner.matching.span_finder import SpanFinder as SpanFinder
from spacy_catalog_ner.matching.token_forms import TokenForms as TokenForms
