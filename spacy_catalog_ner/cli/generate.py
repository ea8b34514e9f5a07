"""``catalog-ner generate``: from traffic to a conversational data set, a step a command."""

from __future__ import annotations

import typer

from spacy_catalog_ner.cli.generate_augment import augment
from spacy_catalog_ner.cli.generate_card import card
from spacy_catalog_ner.cli.generate_cluster import cluster
from spacy_catalog_ner.cli.generate_detect import detect
from spacy_catalog_ner.cli.generate_patterns import patterns
from spacy_catalog_ner.cli.generate_populate import populate
from spacy_catalog_ner.cli.generate_review import agreement, review

generate_app = typer.Typer(
    name="generate", help="Make conversational data sets.", no_args_is_help=True
)
generate_app.command()(detect)
generate_app.command()(cluster)
# Values of the model's config are given as --section.key value
generate_app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    patterns
)
for command in (review, agreement, populate, augment, card):
    generate_app.command()(command)
