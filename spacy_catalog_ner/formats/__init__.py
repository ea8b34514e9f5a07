"""File formats of annotated text: reading and writing each of them, and the way between any two.

A module a format, with two functions: ``read`` yields a `SourceRow` for each text, with the row of
annotated JSONL and the place it comes from, and ``write`` takes such rows. Both report in a
`Problems` what is broken and what the format cannot hold. A row of JSONL comes back from each with
all its keys, or there is a report.
"""

from spacy_catalog_ner.formats.detection import Format
from spacy_catalog_ner.formats.scheme import Scheme

__all__ = ["Format", "Scheme"]
