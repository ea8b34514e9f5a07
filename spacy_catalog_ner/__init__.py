"""Named-entity recognition grounded in the catalogs a team already owns.

The components are registered through entry points, so ``nlp.add_pipe("catalog_matcher")``
works without importing this package.
"""

from spacy_catalog_ner.about import __version__

__all__ = ["__version__"]
