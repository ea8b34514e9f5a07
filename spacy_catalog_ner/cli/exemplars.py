"""``catalog-ner exemplars``: build the store of annotated utterances shown to the LLM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import say, warn_of
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL

exemplars_app = typer.Typer(name="exemplars", help="Annotated exemplars.", no_args_is_help=True)


@exemplars_app.callback()
def _exemplars() -> None:
    pass


@exemplars_app.command()
def build(
    source: Annotated[Path, typer.Argument(help="Annotated JSONL.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    catalog: Annotated[Path, typer.Option(help="Compiled catalog that finds the candidates.")],
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
    embedder: Annotated[
        str, typer.Option(help="Name or folder of a sentence-transformers model.")
    ] = BUNDLED_MODEL,
) -> None:
    """Run the matcher over annotated text and store texts, candidates, gold and embeddings.

    Example: catalog-ner exemplars build annotated.jsonl --catalog media.catalog -o exemplars
    """
    from spacy_catalog_ner.components.catalog_matcher import CatalogMatcher
    from spacy_catalog_ner.exemplars import ExemplarStore, SentenceTransformerEmbedder
    from spacy_catalog_ner.exemplars.builder import read_exemplars

    problems = Problems()
    matcher = CatalogMatcher(catalog=catalog)
    exemplars = list(
        tqdm(read_exemplars(source, matcher, lang, problems), unit="text", desc=source.name)
    )
    warn_of(problems)
    ExemplarStore.build(exemplars, SentenceTransformerEmbedder(embedder)).to_disk(output)
    say(f"{output}: {len(exemplars)} exemplars")
