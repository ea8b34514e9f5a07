"""``catalog-ner generate``: from traffic to a conversational data set, a step a command."""

from __future__ import annotations

import typer

from spacy_catalog_ner.cli.generate_patterns import patterns
from spacy_catalog_ner.cli.generate_populate import augment, card, populate
from spacy_catalog_ner.cli.generate_review import agreement, review
from spacy_catalog_ner.cli.generate_traffic import cluster, detect

generate_app = typer.Typer(
    name="generate", help="Make conversational data sets.", no_args_is_help=True
)
# Values of the model's config are given as --section.key value
_PATTERNS = {"allow_extra_args": True, "ignore_unknown_options": True}
for command in (detect, cluster, patterns, review, agreement, populate, augment, card):
    settings = _PATTERNS if command is patterns else None
    generate_app.command(context_settings=settings)(command)
