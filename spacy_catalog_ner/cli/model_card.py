"""``catalog-ner card``: the model card of a trained student."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spacy_catalog_ner.cli.common import collect_problems, read_rows, say, show
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation import read_result


def card(
    model: Annotated[Path, typer.Argument(help="Folder of a trained pipeline, as model-best.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write: a copy with the card in it.")
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the package, as of `spacy package`; by default that it has."),
    ] = None,
    result: Annotated[
        Path | None, typer.Option(help="What `catalog-ner evaluate -o` wrote: the figures.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="Training texts (JSONL or DocBin), or meta.json of the prepared corpus. May be"
            " repeated."
        ),
    ] = None,
    notes: Annotated[
        Path | None,
        typer.Option(
            help="YAML with description, intended_use, limits, license, author and sources, or a"
            " folder with CORPUS.yml."
        ),
    ] = None,
) -> None:
    """Copy a trained student with a model card and licence notes, for `spacy package`.

    Example: catalog-ner card training/grounded/model-best -o training/packaged --name my_student
    --result result.json --data train.jsonl --notes notes.yml
    """
    # Heavy, through spaCy
    from spacy_catalog_ner.labelling import summary_path
    from spacy_catalog_ner.student.card import inputs
    from spacy_catalog_ner.student.card.model_card import make_model_card, write_with_card
    from spacy_catalog_ner.student.card.trained_pipeline import TrainedPipeline

    pipeline = TrainedPipeline.read(model)
    described = [path for path in data or () if path.suffix == ".json"]
    if len(described) > 1:
        raise CatalogNERError(f"--data {described[1]}: expected one meta.json, not two")
    corpus = inputs.read_corpus_facts(described[0]) if described else None
    figures = None if result is None else read_result(result)
    said = None
    if notes is not None:
        said = inputs.read_notes(notes, None if corpus is None else corpus.corpus)
    texts = []
    with collect_problems() as problems:
        for path in data or ():
            if path not in described:
                summary = inputs.read_summary(summary_path(path))
                rows = (row for _, row in read_rows(path, problems))
                texts.append(inputs.count_texts(path.name, rows, summary))
    made = make_model_card(
        pipeline, name=name, result=figures, data=texts, corpus=corpus, notes=said
    )
    write_with_card(pipeline, made, output)
    show(msgspec.to_builtins(made))
    say(f"{output}: ready for `spacy package {output} FOLDER`")
