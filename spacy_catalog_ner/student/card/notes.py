"""What a model card says that only its author knows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.io.files import read_yaml, require_path
from spacy_catalog_ner.student.card.sources import Source


class CardNotes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts and sources for a model card; all may be left out.

    Attributes
    ----------
    description
        In place of the sentence that is made up from the pipeline. Markdown, as the next two.
    intended_use, limits
        Added to what is generated.
    license, author
        Of the package.
    sources
        Added to those that are known; one of the same name takes the place of that.
    """

    description: str = ""
    intended_use: str = ""
    limits: str = ""
    license: str = ""
    author: str = ""
    sources: list[Source] = []


def read_notes(path: str | Path, corpus: str | None = None) -> CardNotes:
    """Read a YAML file of notes, or that of a corpus from a folder of them.

    Parameters
    ----------
    path
        The file, or a folder with ``CORPUS.yml`` for corpora of which there is something to say.
    corpus
        Name of the corpus, for a folder.

    Raises
    ------
    CatalogNERError
        If it is missing, not YAML or of another shape; or a folder, and no corpus is named.
    """
    path = require_path(path, "YAML with notes for the model card")
    if path.is_dir():
        if corpus is None:
            raise CatalogNERError(
                f"{path}: is a folder; name a file in it, or the corpus with --data and the"
                " meta.json that `catalog-ner corpus prepare` wrote"
            )
        path = path / f"{corpus}.yml"
        if not path.is_file():
            return CardNotes()
    try:
        return msgspec.convert(read_yaml(path) or {}, CardNotes)
    except msgspec.ValidationError as err:
        keys = ", ".join(CardNotes.__struct_fields__)
        each = ", ".join(Source.__struct_fields__)
        raise CatalogNERError(
            f"{path}: {err}; expected {keys}, and of each source {each}"
        ) from None
