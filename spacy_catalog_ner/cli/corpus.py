"""``catalog-ner corpus``: prepare the files that the project's commands read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import show, warn_of
from spacy_catalog_ner.corpus import Limits, prepare_corpus
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.files import read_labels, require_path
from spacy_catalog_ner.massive import unpack_massive

corpus_app = typer.Typer(name="corpus", help="Corpora of utterances.", no_args_is_help=True)


@corpus_app.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    labels: Annotated[Path, typer.Option(help="YAML of LABEL: description.")],
    lang: Annotated[str, typer.Option(help="Language to take.")] = "en",
    exemplars: Annotated[int, typer.Option(help="Annotated utterances to show, 0: all.")] = 0,
    dev: Annotated[int, typer.Option(min=1, help="Utterances to choose the best model on.")] = 60,
    test: Annotated[int, typer.Option(help="Held-out utterances, 0: all.")] = 0,
    traffic: Annotated[int, typer.Option(help="Utterances without annotation, 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = 0,
) -> None:
    """Write entries, exemplars, dev, test and traffic of a corpus.

    Example: catalog-ner corpus prepare assets/media --labels configs/labels/media.yml -o corpus/x
    """
    problems = Problems()
    meta = prepare_corpus(
        require_path(source, "a folder with a corpus"),
        output,
        problems,
        lang=lang,
        labels=set(read_labels(labels)),
        limits=Limits(exemplars=exemplars, dev=dev, test=test, traffic=traffic),
        seed=seed,
    )
    warn_of(problems)
    show(meta)


@corpus_app.command()
def massive(
    archive: Annotated[Path, typer.Argument(help="amazon-massive-dataset-1.1.tar.gz")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    locale: Annotated[str, typer.Option(help="Locale to take.")] = "en-US",
) -> None:
    """Unpack one locale of MASSIVE to annotated train, dev and test JSONL.

    Example: catalog-ner corpus massive amazon-massive-dataset-1.1.tar.gz -o assets/massive_en
    """
    show(unpack_massive(archive, output, locale=locale))
