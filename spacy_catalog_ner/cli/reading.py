"""Annotated files as the commands take them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation.alignment import Pair, Row, align_rows
from spacy_catalog_ner.evaluation.metrics import Tokenize
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import require_file

ANNOTATED = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".spacy")

# What an annotator of Prodigy did not accept -> kind of problem
_REFUSED = {"reject": "rejected row", "ignore": "ignored row"}


class AnnotatedFile(NamedTuple):
    """The rows of a file and, for messages, where they stand.

    Attributes
    ----------
    name
        The file as the command has it.
    rows
        Annotated rows.
    lines
        Line of each row; in a DocBin, its number.
    """

    name: str
    rows: list[Row]
    lines: list[int]


def is_annotated(path: Path) -> bool:
    """Tell a file of annotated texts, whatever its format, from what names a pipeline."""
    if path.name.endswith(ANNOTATED):
        return True
    return path.suffix != ".cfg" and path.exists() and not path.is_dir()


def read_rows(path: Path, problems: Problems) -> AnnotatedFile:
    """Read annotated texts: JSONL, or a DocBin (.spacy).

    Rows that were rejected or ignored in Prodigy are reported and left out.

    Raises
    ------
    CatalogNERError
        If there is no such file, or it is in another format.
    """
    require_file(path, f"annotated texts ({', '.join(ANNOTATED)})")
    if path.suffix and not path.name.endswith(ANNOTATED):
        raise CatalogNERError(
            f"{path}: expected annotated texts ({', '.join(ANNOTATED)}); `catalog-ner convert"
            " FILE -o FILE.jsonl` makes them of other formats"
        )
    places: list[tuple[int, Row]] = []
    if path.suffix == ".spacy":
        from spacy_catalog_ner.doc.pipelines import blank_pipeline
        from spacy_catalog_ner.formats import docbin

        # Whatever their language, Docs bring their tokens along
        docs = docbin.read(path, blank_pipeline("xx"), problems)
        places = [(source.line, source.row) for source in docs]
    else:
        for line, row in read_annotated(path, problems):
            kind = _REFUSED.get(str(row.get("answer")))
            if kind is None:
                places.append((line, row))
            else:
                message = (
                    f'"answer" is {row["answer"]!r}; row skipped, as `catalog-ner convert` does'
                )
                problems.add(kind, Place(path, line), message)
    return AnnotatedFile(str(path), [row for _, row in places], [line for line, _ in places])


def align_files(predictions: AnnotatedFile, gold: AnnotatedFile, problems: Problems) -> list[Pair]:
    """Do as `align_rows`, with messages that name files and lines."""
    return align_rows(
        predictions.rows,
        gold.rows,
        problems,
        source=predictions.name,
        gold_source=gold.name,
        lines=predictions.lines,
        gold_lines=gold.lines,
    )


def make_tokenizer(lang: str) -> Tokenize:
    """Return what gives (start, end) of a text's tokens, without white space, in characters.

    Raises
    ------
    CatalogNERError
        If spaCy does not know the language.
    """
    from spacy_catalog_ner.doc.pipelines import blank_pipeline

    nlp = blank_pipeline(lang)

    def tokenize(text: str) -> list[tuple[int, int]]:
        tokens = (token for token in nlp.make_doc(text) if not token.is_space)
        return [(token.idx, token.idx + len(token)) for token in tokens]

    return tokenize
