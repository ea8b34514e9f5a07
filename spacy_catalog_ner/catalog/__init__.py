"""Entity catalogs: entries, their readers, the compiled index and the live overlay.

Nothing here needs a spaCy object, and nothing here imports the other folders.
"""

from spacy_catalog_ner.catalog.compiled import Catalog
from spacy_catalog_ner.catalog.compiler import compile_catalog
from spacy_catalog_ner.catalog.entry import Entry
from spacy_catalog_ner.catalog.overlay import Overlay
from spacy_catalog_ner.catalog.readers import read_entries
from spacy_catalog_ner.catalog.snapshot import NoiseControls, Snapshot
from spacy_catalog_ner.catalog.variants import Variants

__all__ = [
    "Catalog",
    "Entry",
    "NoiseControls",
    "Overlay",
    "Snapshot",
    "Variants",
    "compile_catalog",
    "read_entries",
]
