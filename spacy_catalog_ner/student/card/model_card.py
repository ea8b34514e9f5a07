"""The model card of a student: its purpose, training data, figures, limits and licences."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.evaluation import Result
from spacy_catalog_ner.evaluation.result import IntervalScore, Score
from spacy_catalog_ner.io.files import atomic_folder, write_json
from spacy_catalog_ner.reporting.markdown import escape_markdown
from spacy_catalog_ner.student.card.inputs import CardNotes, CorpusFacts, TrainingData
from spacy_catalog_ner.student.card.sources import (
    GEONAMES,
    Source,
    read_source,
    short_name,
    source_of_model,
)
from spacy_catalog_ner.student.card.trained_pipeline import CatalogFacts, Component, TrainedPipeline

README = "README.md"
LICENSES = "LICENSES_SOURCES"
"""The names that ``spacy package`` takes over."""


class LabelCounts(msgspec.Struct, frozen=True):
    """Entries of a label in the catalog, and entities of it in training; None where unknown."""

    entries: int | None
    trained: int | None


class CardFigures(msgspec.Struct, frozen=True):
    """The part of an evaluation's `Result` that a card shows."""

    texts: int
    micro: IntervalScore
    macro_f1: float
    per_label: dict[str, IntervalScore]
    candidate_recall: float | None
    by_novelty: dict[str, Score] | None


class ModelCard(msgspec.Struct, frozen=True):
    """What a model card says.

    `package` is the `name` with the language before it, `version` that of spacy-catalog-ner,
    `training` the settings of ``spacy train``, and `models` those that labelled training texts.
    """

    package: str
    name: str
    lang: str
    spacy_version: str
    version: str
    description: str
    license: str
    author: str
    is_grounded: bool
    components: list[Component]
    backbone: str | None
    catalog: CatalogFacts | None
    labels: dict[str, LabelCounts]
    training: dict[str, str]
    data: list[TrainingData]
    models: list[str]
    corpus: CorpusFacts | None
    result: CardFigures | None
    sources: list[Source]
    intended_use: str
    limits: str


def make_model_card(
    pipeline: TrainedPipeline,
    *,
    name: str | None = None,
    result: Result | None = None,
    data: Sequence[TrainingData] = (),
    corpus: CorpusFacts | None = None,
    notes: CardNotes | None = None,
) -> ModelCard:
    """Gather what the model card of a pipeline says.

    The `name` of the package, by default that of ``meta.json``, has no language before it, as for
    ``spacy package --name``. The `result` is that of ``catalog-ner evaluate -o``.
    """
    meta, notes = pipeline.meta, notes or CardNotes()
    name = name or str(meta.get("name") or "pipeline")
    if not (name.isidentifier() and name.isascii()) or name.strip("_") != name:
        raise CatalogNERError(
            f"{name!r}: not a name for a package; expected ASCII letters, digits and _ between them"
        )
    lang = str(meta.get("lang") or "xx")
    trained = sum((Counter(part.labels) for part in data), Counter[str]())
    description = notes.description or meta.get("description") or _describe(pipeline, lang)
    models = sorted({model for part in data for model in part.models})
    return ModelCard(
        package=name if name.startswith(f"{lang}_") else f"{lang}_{name}",
        name=name,
        lang=lang,
        spacy_version=meta.get("spacy_version", ""),
        version=__version__,
        description=description.strip(),
        license=notes.license or meta.get("license") or "",
        author=notes.author or meta.get("author") or "",
        is_grounded=pipeline.is_grounded,
        components=pipeline.components,
        backbone=pipeline.backbone and short_name(pipeline.backbone),
        catalog=pipeline.catalog,
        labels={
            label: LabelCounts(entries, trained[label] if data else None)
            for label, entries in pipeline.labels.items()
        },
        training=pipeline.training,
        data=list(data),
        models=[short_name(model) for model in models],
        corpus=corpus,
        result=msgspec.convert(result, CardFigures | None, from_attributes=True),
        sources=_find_sources(pipeline, models, notes),
        intended_use=notes.intended_use.strip(),
        limits=notes.limits.strip(),
    )


def _describe(pipeline: TrainedPipeline, lang: str) -> str:
    found = f"{len(pipeline.labels)} label{'s' * (len(pipeline.labels) != 1)}"
    if pipeline.catalog is not None and pipeline.is_grounded:
        found = f"the names of a catalog of {pipeline.catalog.entries:,} entries and {found}"
    else:
        found = f"entities of {found}"
    return f"Finds {found} in texts of language {lang}."


def _find_sources(pipeline: TrainedPipeline, models: list[str], notes: CardNotes) -> list[Source]:
    """Return the sources of pipeline and notes; of two with a name, the last replaces the first."""
    sources = [*filter(None, map(read_source, pipeline.meta.get("sources") or ()))]
    if pipeline.backbone is not None:
        sources.append(source_of_model(pipeline.backbone))
    if pipeline.catalog is not None and pipeline.catalog.has_cities:
        sources.append(GEONAMES)
    sources += [*map(source_of_model, models), *notes.sources]
    return list({source.name: source for source in sources}.values())


def render_model_card(card: ModelCard) -> str:
    """Render a model card as Markdown."""
    return _render("model_card.md.jinja", card)


def _render(template: str, card: ModelCard) -> str:
    environment = Environment(  # Markdown: the filter `plain` escapes what is inserted
        loader=PackageLoader(__package__, "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(
        plain=escape_markdown,
        figure="{:.3f}".format,
        number="{:,}".format,
        python=partial(json.dumps, ensure_ascii=False),  # a string, as Python has it too
    )
    values = msgspec.structs.asdict(card)
    return environment.get_template(template).render(**values, unknown="not stated")


def write_with_card(pipeline: TrainedPipeline, card: ModelCard, output: str | Path) -> None:
    """Write a copy of a pipeline with its card and licence notes, for ``spacy package``.

    Its ``meta.json`` gets name, description, licence, author, sources and, where it was evaluated,
    the figures. An earlier `output` is replaced; the folder of the pipeline is not changed.

    Raises
    ------
    CatalogNERError
        If `output` is the pipeline's own folder, lies in it or holds it, or is a folder of
        something else.
    """
    output, source = Path(output), pipeline.path.resolve()
    target = output.resolve()
    if target == source or target in source.parents or source in target.parents:
        raise CatalogNERError(f"{output}: name a folder apart from {pipeline.path}")
    with atomic_folder(output, mark=LICENSES) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / README).write_text(render_model_card(card), encoding="utf8")
        notes = _render("licenses_sources.jinja", card)
        (folder / LICENSES).write_text(notes, encoding="utf8")
        write_json(folder / "meta.json", _update_meta(pipeline.meta, card))


def _update_meta(meta: dict[str, Any], card: ModelCard) -> dict[str, Any]:
    sources = map(msgspec.structs.asdict, card.sources)
    updated = {
        **meta,
        "name": card.name,
        # The summary of a wheel is one line
        "description": " ".join(card.description.split()),
        "license": card.license,
        "author": card.author,
        "sources": [{key: text for key, text in item.items() if text} for item in sources],
    }
    if card.result is not None:  # under the names that spaCy uses
        micro, per_label = card.result.micro, card.result.per_label
        updated["performance"] = {
            **{f"ents_{name}": figure for name, figure in _spacy_scores(micro).items()},
            "ents_per_type": {label: _spacy_scores(score) for label, score in per_label.items()},
        }
    return updated


def _spacy_scores(score: Score) -> dict[str, float]:
    return {"p": score.precision, "r": score.recall, "f": score.f1}
