from spacy_catalog_ner.matching.plain_finder import SpanFinder as SpanFinder
from spacy_catalog_ner.matching.plain_finder import TokenForms as TokenForms
