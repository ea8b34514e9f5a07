"""``catalog-ner exemplars``: the store of annotated utterances shown to the LLM."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from spacy_catalog_ner.cli.common import collect_problems, say, show
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL, embed, make_embedder
from spacy_catalog_ner.exemplars.store import ExemplarStore

exemplars_app = typer.Typer(name="exemplars", help="Annotated exemplars.", no_args_is_help=True)

_Store = Annotated[Path, typer.Argument(help="An exemplar store.")]


@exemplars_app.command()
def build(
    sources: Annotated[
        list[Path], typer.Argument(help="Annotated JSONL (perhaps .gz or .zst) or .spacy.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    catalog: Annotated[Path, typer.Option(help="Compiled catalog that finds the candidates.")],
    lang: Annotated[
        str, typer.Option(help="Language of the tokenizer, and of rows that do not tell theirs.")
    ] = "en",
    embedder: Annotated[
        str, typer.Option(help="Name or folder of a sentence-transformers model, or a .gguf file.")
    ] = BUNDLED_MODEL,
) -> None:
    """Run the matcher over annotated text and store texts, candidates, gold and embeddings.

    Example: catalog-ner exemplars build annotated.jsonl --catalog media.catalog -o exemplars
    """
    # Imported here: spaCy takes two seconds
    from spacy_catalog_ner.exemplars.reading import read_exemplars
    from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

    matcher = CatalogMatcher(catalog=catalog)
    with collect_problems() as problems:
        exemplars = [
            exemplar
            for source in sources
            for exemplar in tqdm(
                read_exemplars(source, matcher, lang, problems), unit="text", desc=source.name
            )
        ]
    with _one_line_warnings():
        store = ExemplarStore.build(exemplars, make_embedder(embedder), progress=True)
    store.to_disk(output)
    recall = store.index and (
        f", approximate search finds {store.index.recall:.1%} of the ten nearest"
    )
    say(f"{output}: {len(store)} exemplars{recall or ''}")


@exemplars_app.command()
def info(path: _Store) -> None:
    """Print what is in an exemplar store, as JSON.

    Example: catalog-ner exemplars info exemplars
    """
    with _one_line_warnings():
        store = ExemplarStore.from_disk(path)
    exemplars = store.exemplars
    show(
        {
            "exemplars": len(store),
            "languages": _count(each.lang for each in exemplars),
            "candidates": _count(item.label for each in exemplars for item in each.candidates),
            "selected": _count(item.label for each in exemplars for item in each.selected),
            "embedder": store.embedder_name,
            "dimensions": int(store.embeddings.shape[1]),
            "recall_at_10": None if store.index is None else store.index.recall,
            "content_version": store.content_version,
        }
    )


@exemplars_app.command()
def search(
    path: _Store,
    text: Annotated[str, typer.Argument(help="An utterance.")],
    k: Annotated[int, typer.Option("-k", min=1, help="How many exemplars.")] = 5,
    lang: Annotated[str | None, typer.Option(help="Only exemplars in this language.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the exemplars that are retrieved for a text, with their similarity, best first.

    Its candidates follow, with + for right ones and - for wrong ones.

    Example: catalog-ner exemplars search exemplars "play hello by adele" -k 5
    """
    with _one_line_warnings():
        store = ExemplarStore.from_disk(path)
    vectors = embed(make_embedder(store.embedder_name), [text])
    found = store.search_many([text], vectors, k, store.select(lang))[0]
    if as_json:
        show([exemplar.to_dict(score) for exemplar, score in found])
        return
    for exemplar, score in found:
        typer.echo(f"{score:.3f}  {' '.join(exemplar.text.split())}")
        for item in exemplar.candidates:
            sign = "+" if item in exemplar.selected else "-"
            typer.echo(f"       {sign} {item.text} = {item.label}")


def _count(values: Iterator[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Print warnings without the place in the code that they come from."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_args, **_options: say(f"Warning: {message}")
        yield
