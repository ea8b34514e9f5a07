"""``catalog-ner corpus``: prepare the files that the project's commands read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import collect_problems, show
from spacy_catalog_ner.corpora.massive import unpack_massive
from spacy_catalog_ner.corpora.prepare import Limits, prepare_corpus
from spacy_catalog_ner.io.files import read_labels, require_path

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
    no_traffic: Annotated[
        bool, typer.Option("--no-traffic", help="Leave none to label: all of train are exemplars.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = 0,
) -> None:
    """Write entries, exemplars, dev, test and traffic of a corpus.

    Example: catalog-ner corpus prepare assets/media --labels configs/labels/media.yml -o corpus/x
    """
    with collect_problems() as problems:
        meta = prepare_corpus(
            require_path(source, "a folder with a corpus"),
            output,
            problems,
            lang=lang,
            labels=set(read_labels(labels)),
            limits=Limits(exemplars=exemplars, dev=dev, test=test, traffic=traffic),
            has_traffic=not no_traffic,
            seed=seed,
        )
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


@corpus_app.command()
def columns(
    source: Annotated[Path, typer.Argument(help="Folder with train, dev and test column files.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
) -> None:
    """Convert column files, as of CoNLL-2003, to annotated train, dev and test JSONL.

    The files are train.EXT, dev.EXT and test.EXT, where EXT is conll, iob, iob2, bio, tsv or txt.
    A line has the token in its first column and the tag in its last, an empty line ends a
    sentence. The labels found are written to labels.yml.

    Example: catalog-ner corpus columns DIR -o corpus/conll
    """
    from spacy_catalog_ner.corpora.columns import convert_columns

    with collect_problems() as problems:
        counts = convert_columns(source, output, problems)
    show(counts)
