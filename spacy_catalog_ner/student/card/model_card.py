"""The model card of a student: what it is, what it was trained on, how good it is, its limits."""

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
from spacy_catalog_ner.io.files import atomic_folder, write_json
from spacy_catalog_ner.reporting.markdown import escape_markdown
from spacy_catalog_ner.student.card.corpus_facts import CorpusFacts
from spacy_catalog_ner.student.card.notes import CardNotes
from spacy_catalog_ner.student.card.sources import (
    GEONAMES,
    UNKNOWN,
    Source,
    merge_sources,
    read_source,
    render_sources,
    short_name,
    source_of_model,
)
from spacy_catalog_ner.student.card.trained_pipeline import Component, TrainedPipeline
from spacy_catalog_ner.student.card.training_data import TrainingData

README = "README.md"
LICENSES = "LICENSES_SOURCES"
"""The names that ``spacy package`` takes over."""

_WORK = {
    "catalog_matcher": "finds every name of the catalog in the text: the candidates",
    "transformer": "turns the tokens into vectors that know their context",
    "ner": "finds the entities",
    "candidate_classifier": "decides about each candidate by sentence, name and catalog",
    "spancat": "says of each candidate how likely each label is",
    "constraint_post_processor": "drops what is no candidate, breaks a rule or overlaps",
}


def make_model_card(
    pipeline: TrainedPipeline,
    *,
    name: str | None = None,
    result: dict[str, Any] | None = None,
    data: Sequence[TrainingData] = (),
    corpus: CorpusFacts | None = None,
    notes: CardNotes | None = None,
) -> dict[str, Any]:
    """Gather what the model card says, as JSON has it.

    Parameters
    ----------
    pipeline
        The student.
    name
        Name of the package, without the language before it, as ``spacy package --name`` takes it;
        that of ``meta.json`` if None.
    result
        What ``catalog-ner evaluate -o`` wrote of it.
    data
        The texts it was trained on.
    corpus
        Where they come from.
    notes
        What its author says of it.

    Raises
    ------
    CatalogNERError
        If the name is none that a package can have.
    """
    meta, catalog = pipeline.meta, pipeline.catalog
    notes = notes or CardNotes()
    name = name or str(meta.get("name") or "pipeline")
    if not (name.isidentifier() and name.isascii()) or name.strip("_") != name:
        raise CatalogNERError(
            f"{name!r}: not a name for a package; expected ASCII letters, digits and _ between them"
        )
    lang = str(meta.get("lang") or "xx")
    trained = sum((Counter(part.labels) for part in data), Counter[str]())
    description = notes.description or meta.get("description") or _describe(pipeline, lang)
    models = sorted({model for part in data for model in part.models})
    return {
        "package": name if name.startswith(f"{lang}_") else f"{lang}_{name}",
        "name": name,
        "lang": lang,
        "spacy_version": meta.get("spacy_version", ""),
        "version": __version__,
        "description": description.strip(),
        "license": notes.license or meta.get("license") or "",
        "author": notes.author or meta.get("author") or "",
        "is_grounded": pipeline.is_grounded,
        "components": [
            {"name": part.name, "factory": part.factory, "work": _work(part)}
            for part in pipeline.components
        ],
        "backbone": None if pipeline.backbone is None else short_name(pipeline.backbone),
        "catalog": None
        if catalog is None
        else {
            "matcher": catalog.matcher,
            "spans_key": catalog.spans_key,
            "version": catalog.version,
            "entries": sum(catalog.entries.values()),
        },
        "labels": {
            label: {
                "entries": None if catalog is None else catalog.entries.get(label, 0),
                "trained": trained[label] if data else None,
            }
            for label in pipeline.labels
        },
        "training": pipeline.training,
        "data": msgspec.to_builtins(list(data)),
        "models": [short_name(model) for model in models],
        "corpus": msgspec.to_builtins(corpus),
        "result": _figures(result),
        "sources": msgspec.to_builtins(_sources(pipeline, models, notes)),
        "intended_use": notes.intended_use.strip(),
        "limits": notes.limits.strip(),
    }


def _describe(pipeline: TrainedPipeline, lang: str) -> str:
    labels = f"{len(pipeline.labels)} label{'s' * (len(pipeline.labels) != 1)}"
    if pipeline.catalog is None or not pipeline.is_grounded:
        return f"Finds entities of {labels} in texts of language {lang}."
    entries = sum(pipeline.catalog.entries.values())
    catalog = f"a catalog of {entries:,} entries and {labels}"
    return f"Finds the names of {catalog} in texts of language {lang}."


def _work(component: Component) -> str:
    return _WORK.get(component.factory) or "writes " + (", ".join(component.assigns) or "nothing")


def _figures(result: dict[str, Any] | None) -> dict[str, Any] | None:
    if result is None:
        return None
    wanted = ("texts", "micro", "macro_f1", "per_label", "candidate_recall")
    return {**{key: result[key] for key in wanted}, "by_novelty": result.get("by_novelty")}


def _sources(pipeline: TrainedPipeline, models: list[str], notes: CardNotes) -> list[Source]:
    own = map(read_source, pipeline.meta.get("sources") or ())
    known = [] if pipeline.backbone is None else [source_of_model(pipeline.backbone)]
    if pipeline.catalog is not None and pipeline.catalog.has_cities:
        known.append(GEONAMES)
    known += map(source_of_model, models)
    return merge_sources(filter(None, own), known, notes.sources)


def render_model_card(card: dict[str, Any]) -> str:
    """Render what `make_model_card` gives as Markdown."""
    environment = Environment(  # Markdown: what is inserted is escaped by the filter `plain`
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
    return environment.get_template("model_card.md.jinja").render(**card, unknown=UNKNOWN)


def write_with_card(pipeline: TrainedPipeline, card: dict[str, Any], output: str | Path) -> None:
    """Write a copy of a pipeline with its card and licence notes, for ``spacy package``.

    The card is ``README.md``, the notes are ``LICENSES_SOURCES``, and ``meta.json`` gets name,
    description, licence, author, sources and, where it was evaluated, the figures.

    Parameters
    ----------
    pipeline
        The student; its folder stays as it is.
    card
        What `make_model_card` gives.
    output
        Folder to write, in the place of an earlier one.

    Raises
    ------
    CatalogNERError
        If `output` is the pipeline's own folder, lies in it or holds it, or is a folder of
        something else.
    """
    output, source = Path(output), pipeline.path.resolve()
    place = output.resolve()
    if place == source or place in source.parents or source in place.parents:
        raise CatalogNERError(f"{output}: name a folder apart from {pipeline.path}")
    with atomic_folder(output, mark=LICENSES) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / README).write_text(render_model_card(card), encoding="utf8")
        sources = [msgspec.convert(item, Source) for item in card["sources"]]
        notes = render_sources(card["package"], card["license"], sources)
        (folder / LICENSES).write_text(notes, encoding="utf8")
        write_json(folder / "meta.json", _update_meta(pipeline.meta, card))


def _update_meta(meta: dict[str, Any], card: dict[str, Any]) -> dict[str, Any]:
    updated = {
        **meta,
        "name": card["name"],
        # The summary of a wheel is one line
        "description": " ".join(card["description"].split()),
        "license": card["license"],
        "author": card["author"],
        "sources": [{key: text for key, text in item.items() if text} for item in card["sources"]],
    }
    if card["result"] is not None:
        updated["performance"] = _performance(card["result"])
    return updated


def _performance(result: dict[str, Any]) -> dict[str, Any]:
    """Return figures under the names that spaCy has for them."""

    def rename(score: dict[str, Any]) -> dict[str, float]:
        return {"p": score["precision"], "r": score["recall"], "f": score["f1"]}

    return {
        **{f"ents_{name}": figure for name, figure in rename(result["micro"]).items()},
        "ents_per_type": {label: rename(score) for label, score in result["per_label"].items()},
    }
