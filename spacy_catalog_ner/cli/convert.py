"""``catalog-ner convert``: annotated text to spaCy's training format."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from spacy.tokens import DocBin

from spacy_catalog_ner.annotations import make_doc, read_annotated
from spacy_catalog_ner.cli.common import say, warn_of
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.files import atomic_write, read_labels
from spacy_catalog_ner.pipelines import blank_pipeline


def convert(
    sources: Annotated[list[Path], typer.Argument(help="Annotated JSONL files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="DocBin file (.spacy) to write.")],
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
    labels: Annotated[
        Path | None, typer.Option(help="YAML of LABEL: description; others are reported.")
    ] = None,
) -> None:
    """Write annotated JSONL as a DocBin, with spans["entities"], spans["selected"] and ents.

    Example: catalog-ner convert exemplars.jsonl labelled.jsonl -o train.spacy
    """
    known = None if labels is None else set(read_labels(labels))
    nlp = blank_pipeline(lang)
    problems = Problems()
    docs = DocBin(store_user_data=True)
    counts: Counter[str] = Counter()
    for source in sources:
        for line, row in read_annotated(source, problems, known):
            if (row.get("catalog_ner") or {}).get("failure"):
                # no answer is not the answer that there is no entity
                problems.add("failed row", source, line, "got no answer; row skipped")
                continue
            doc = make_doc(nlp, row, problems, source, line)
            counts.update(span.label_ for span in doc.spans["entities"])
            docs.add(doc)
    warn_of(problems)
    if not len(docs):
        raise CatalogNERError(f"{output}: nothing to write, no usable row in the input")
    with atomic_write(output, "wb") as stream:
        stream.write(docs.to_bytes())
    say(f"{output}: {len(docs)} texts, {counts.total()} entities of {len(counts)} types")
