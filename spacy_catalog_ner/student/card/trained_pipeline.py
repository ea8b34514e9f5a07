"""Reading what the folder of a trained pipeline tells of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from confection import ConfigValidationError
from spacy import util
from spacy.language import Language

from spacy_catalog_ner.doc.pipelines import load_pipeline
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL
from spacy_catalog_ner.io.files import read_json, require_path

_ENTITIES = {"doc.ents", "doc.spans"}  # assigned by components that find entities
_WORK = {
    "catalog_matcher": "finds every name of the catalog in the text: the candidates",
    "transformer": "turns the tokens into vectors that know their context",
    "ner": "finds the entities",
    "candidate_classifier": "decides about each candidate by sentence, name and catalog",
    "spancat": "says of each candidate how likely each label is",
    "constraint_post_processor": "drops what is no candidate, breaks a rule or overlaps",
}


class Component(msgspec.Struct, frozen=True):
    """A component of a pipeline; `work` says what it does."""

    name: str
    factory: str
    work: str


class CatalogFacts(msgspec.Struct, frozen=True):
    """The catalog of a matcher: its content version, if compiled, and number of entries.

    `has_cities` tells whether any entry comes from GeoNames, by its id.
    """

    matcher: str
    spans_key: str
    version: str | None
    entries: int
    has_cities: bool


@dataclass(frozen=True)
class TrainedPipeline:
    """A pipeline as its folder describes it. Only the matcher is loaded.

    `labels` are those of its entities, sorted, with the number of catalog entries of each (None
    without a catalog). `catalog` is that of the first `catalog_matcher`, `backbone` the transformer
    it was built on, `training` the settings of ``spacy train``, if that trained it. A pipeline
    `is_grounded` if it has matcher and constraints, so that it finds only names of the catalog.
    """

    path: Path
    meta: dict[str, Any]
    components: list[Component]
    labels: dict[str, int | None]
    catalog: CatalogFacts | None
    backbone: str | None
    training: dict[str, str]
    is_grounded: bool

    @classmethod
    def read(cls, path: str | Path) -> TrainedPipeline:
        """Read the folder of a pipeline."""
        path = require_path(path, "the folder of a trained pipeline")
        for name in ("config.cfg", "meta.json"):
            if not (path / name).is_file():
                raise CatalogNERError(
                    f"{path}: no {name} in it; expected a folder that `spacy train` wrote, such as"
                    " model-best"
                )
        config, meta = _read_config(path / "config.cfg"), _read_meta(path / "meta.json")
        factories = {
            name: config["components"][name]["factory"] for name in config["nlp"]["pipeline"]
        }
        matcher = next((name for name in factories if factories[name] == "catalog_matcher"), None)
        # The other components are not needed, nor the packages that they need
        others = [name for name in factories if name != matcher]
        nlp = load_pipeline(str(path.resolve()), exclude=others)
        catalog, entries = (None, None) if matcher is None else _count_entries(nlp, matcher)
        is_grounded = {"catalog_matcher", "constraint_post_processor"} <= set(factories.values())
        assigns = {name: _assigns(nlp, factory) for name, factory in factories.items()}
        work = {name: f"writes {', '.join(assigns[name]) or 'nothing'}" for name in factories}
        labels = set(entries or ())
        if entries is None or not is_grounded:
            finders = [name for name in factories if _ENTITIES.intersection(assigns[name])]
            labels = {str(label) for name in finders for label in meta["labels"].get(name, ())}
        return cls(
            path,
            meta,
            components=[
                Component(name, factory, _WORK.get(factory, work[name]))
                for name, factory in factories.items()
            ],
            labels={
                label: None if entries is None else entries.get(label, 0)
                for label in sorted(labels)
            },
            catalog=catalog,
            backbone=_find_backbone(config["components"]),
            training=_settings(config.get("training") or {}) if meta.get("performance") else {},
            is_grounded=is_grounded,
        )


def _count_entries(nlp: Language, name: str) -> tuple[CatalogFacts, dict[str, int]]:
    """Describe the catalog of a matcher, and count the entries of each label."""
    matcher = nlp.get_pipe(name)
    snapshot = matcher.snapshot
    catalog, added = snapshot.catalog, snapshot.overlay.entries
    counts = Counter(entry.label for entry in added)
    ids: Iterable[str] = (entry.id for entry in added)
    version = None
    if catalog is not None:
        version = catalog.meta["content_version"]
        counts.update(catalog.meta["entries_per_label"])
        hidden = snapshot.overlay.hidden_in(catalog)
        counts.subtract(catalog.label_and_id(number)[0] for number in hidden)
        ids = chain(ids, (catalog.label_and_id(number)[1] for number in range(len(catalog))))
    entries = {label: counts[label] for label in snapshot.labels}
    has_cities = any(each.startswith("geonames:") for each in ids)
    spans_key, total = matcher.spans_key, sum(entries.values())
    return CatalogFacts(name, spans_key, version, total, has_cities), entries


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = util.load_config(path, interpolate=True)
        for name in config["nlp"]["pipeline"]:
            str(config["components"][name]["factory"])
    except (ConfigValidationError, ValueError) as err:
        raise CatalogNERError(f"{path}: {' '.join(str(err).split())}") from None
    except (KeyError, TypeError, AttributeError):
        raise CatalogNERError(f"{path}: not the config of a trained pipeline") from None
    return config


def _read_meta(path: Path) -> dict[str, Any]:
    what = "the meta.json of a trained pipeline"
    meta = read_json(path, dict[str, Any], what)
    if not isinstance(meta.get("labels"), dict):
        raise CatalogNERError(f"{path}: not {what}")
    return meta


def _assigns(nlp: Language, factory: str) -> tuple[str, ...]:
    try:
        return tuple(nlp.get_factory_meta(factory).assigns)
    except ValueError:  # not installed
        return ()


def _find_backbone(value: Any) -> str | None:
    """Return the name of the transformer in the config of the components."""
    if not isinstance(value, dict):
        return None
    if value.get("@misc") == "spacy_catalog_ner.backbone.v1":
        return str(value.get("name", BUNDLED_MODEL))
    if "TransformerModel" in value.get("@architectures", "") and isinstance(value["name"], str):
        return str(value["name"])
    found = map(_find_backbone, value.values())
    return next((name for name in found if name is not None), None)


def _settings(training: dict[str, Any]) -> dict[str, str]:
    """Return the settings of the ``[training]`` section that a model card shows."""
    optimizer = training.get("optimizer") or {}
    settings = {
        "steps at most": training.get("max_steps") or "no limit",
        "epochs at most": training.get("max_epochs") or "no limit",
        "batch": training.get("batcher"),
        "batches a step": training.get("accumulate_gradient"),
        "optimizer": optimizer.get("@optimizers"),
        "learning rate": optimizer.get("learn_rate"),
        "dropout": training.get("dropout"),
        "seed": training.get("seed"),
    }
    return {name: _describe(value) for name, value in settings.items() if value is not None}


def _describe(value: Any) -> str:
    """Write a value of a config; a registered function as ``name(setting=value, ...)``."""
    if not isinstance(value, dict):
        return str(value)
    name = next((value[key] for key in value if key.startswith("@")), "")
    settings = (
        f"{key}={_describe(part)}"
        for key, part in value.items()
        if not key.startswith("@") and part is not None
    )
    return f"{name}({', '.join(settings)})"
