"""What the commands share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.evaluation.metrics import Tokenize
from spacy_catalog_ner.io.annotated import ANNOTATED
from spacy_catalog_ner.io.files import detect_kind
from spacy_catalog_ner.io.row import Row

Pipeline = Annotated[str, typer.Option(help="A pipeline's config (.cfg), folder or package.")]
TEACHER = "configs/teacher.cfg"
PIPELINE_COMMAND = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Settings of a command that takes values of a config, for `read_overrides`."""


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


@contextmanager
def collect_problems() -> Iterator[Problems]:
    """Collect what is wrong with the input, and print it at the end, come what may."""
    problems = Problems()
    try:
        yield problems
    finally:
        warn_of(problems)


def read_overrides(context: typer.Context) -> dict[str, Any]:
    """Read ``--section.key value`` arguments that change a pipeline's config; refuse others."""
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


def is_annotated(path: Path) -> bool:
    """Tell a file of annotated texts, whatever its format, from what names a pipeline."""
    if detect_kind(path, ANNOTATED):
        return True
    return path.suffix != ".cfg" and path.exists() and not path.is_dir()


def read_rows(path: Path, problems: Problems) -> list[tuple[Place, Row]]:
    """Read annotated texts, see `read_annotated_file`."""
    from spacy_catalog_ner.formats.reading import read_annotated_file

    return list(read_annotated_file(path, problems))


def make_tokenizer(lang: str) -> Tokenize:
    """Return a function from a text to (start, end) of its tokens, white space left out."""
    from spacy_catalog_ner.doc.pipelines import blank_pipeline

    nlp = blank_pipeline(lang)

    def tokenize(text: str) -> list[tuple[int, int]]:
        tokens = (token for token in nlp.make_doc(text) if not token.is_space)
        return [(token.idx, token.idx + len(token)) for token in tokens]

    return tokenize
