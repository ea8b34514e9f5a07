"""``catalog-ner cache``: inspect and empty a response cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spacy_catalog_ner.cli.common import say, show

cache_app = typer.Typer(name="cache", help="Stored answers of models.", no_args_is_help=True)


@cache_app.callback()
def _cache() -> None:
    pass


@cache_app.command()
def info(
    path: Annotated[Path, typer.Argument(help="File named by a model's `cache` setting.")],
) -> None:
    """Print rows, size, models, and times of the oldest and newest answer, as JSON.

    Example: catalog-ner cache info responses.sqlite
    """
    from spacy_catalog_ner.llm.response_cache import ResponseCache

    show(ResponseCache(path, must_exist=True).info())


@cache_app.command()
def clear(
    path: Annotated[Path, typer.Argument(help="File named by a model's `cache` setting.")],
    model: Annotated[str | None, typer.Option(help="Delete only this model's answers.")] = None,
) -> None:
    """Delete stored answers, so that they are asked for again.

    Example: catalog-ner cache clear responses.sqlite --model gpt-4.1-mini
    """
    from spacy_catalog_ner.llm.response_cache import ResponseCache

    deleted = ResponseCache(path, must_exist=True).clear(model)
    say(f"{path}: {deleted} answers deleted")
