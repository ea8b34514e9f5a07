"""What the commands share."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import typer

from spacy_catalog_ner.errors import CatalogNERError, Problems


def show(data: Any) -> None:
    """Print JSON, or a struct as JSON, on stdout."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2, default=msgspec.to_builtins))


def say(message: str) -> None:
    """Print a message for the person on stderr."""
    typer.echo(message, err=True)


def warn_of(problems: Problems) -> None:
    """Print what was wrong with the input on stderr, if anything was."""
    if len(problems):
        typer.secho(f"Warning: {problems.summary()}", fg=typer.colors.YELLOW, err=True)


def read_overrides(context: typer.Context) -> dict[str, Any]:
    """Read ``--section.key value`` arguments that change a pipeline's config.

    Raises
    ------
    CatalogNERError
        If there is anything else among them.
    """
    # spaCy is imported where it is needed: it takes two seconds, most of them for torch
    from spacy.cli._util import parse_config_overrides

    is_value = False
    for argument in context.args:
        name, separator, _ = argument.partition("=")
        if not name.startswith("--"):
            if not is_value:
                raise CatalogNERError(f"unexpected argument {argument!r}")
            is_value = False
        elif "." not in name:
            raise CatalogNERError(f"no such option {name}; expected --section.key value")
        else:
            is_value = not separator
    overrides: dict[str, Any] = parse_config_overrides(list(context.args), env_var=None)
    return overrides
