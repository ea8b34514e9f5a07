"""What the folder of a trained pipeline says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confection import ConfigValidationError
from spacy import util
from spacy.language import Language

from spacy_catalog_ner.doc.pipelines import load_pipeline
from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.exemplars.embedders import BUNDLED_MODEL
from spacy_catalog_ner.io.files import require_path
from spacy_catalog_ner.student.card.catalog_facts import CatalogFacts, read_catalog_facts

_ENTITIES = {"doc.ents", "doc.spans"}  # what a component that finds entities assigns


@dataclass(frozen=True)
class Component:
    """A component of a pipeline.

    Attributes
    ----------
    name, factory
        As the config has them.
    assigns
        What it writes, as its factory declares it; nothing where that is not installed.
    """

    name: str
    factory: str
    assigns: tuple[str, ...]


@dataclass(frozen=True)
class TrainedPipeline:
    """A pipeline as its folder describes it. Of its components only the matcher is loaded.

    Attributes
    ----------
    path
        The folder.
    meta
        Contents of ``meta.json``.
    components
        In the order they run.
    labels
        Labels that its entities can have, sorted.
    catalog
        That of the first `catalog_matcher`, None if there is no matcher.
    backbone
        Name of the transformer it was built on, None if there is none.
    training
        Settings of ``spacy train`` by name; empty for a pipeline that it did not train.
    is_grounded
        Whether it finds names of the catalog and nothing else: constraints see to that.
    """

    path: Path
    meta: dict[str, Any]
    components: tuple[Component, ...]
    labels: tuple[str, ...]
    catalog: CatalogFacts | None
    backbone: str | None
    training: dict[str, str]
    is_grounded: bool

    @classmethod
    def read(cls, path: str | Path) -> TrainedPipeline:
        """Read the folder of a pipeline.

        Raises
        ------
        CatalogNERError
            If there is no pipeline, or its config or catalog cannot be read.
        """
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
        # Nothing else of it is needed, nor what it takes to load it
        others = [name for name in factories if name != matcher]
        nlp = load_pipeline(str(path.resolve()), exclude=others)
        catalog = None if matcher is None else read_catalog_facts(nlp.get_pipe(matcher))
        is_grounded = {"catalog_matcher", "constraint_post_processor"} <= set(factories.values())
        components = tuple(
            Component(name, factory, _assigns(nlp, factory)) for name, factory in factories.items()
        )
        if catalog is not None and is_grounded:
            labels = set(catalog.entries)
        else:
            labels = {
                str(label)
                for component in components
                if _ENTITIES.intersection(component.assigns)
                for label in meta["labels"].get(component.name, ())
            }
        return cls(
            path,
            meta,
            components,
            labels=tuple(sorted(labels)),
            catalog=catalog,
            backbone=_find_backbone(config["components"]),
            training=_settings(config.get("training") or {}) if meta.get("performance") else {},
            is_grounded=is_grounded,
        )


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
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf8"))
    except ValueError as err:
        raise CatalogNERError(f"{path}: not JSON ({err})") from None
    if not isinstance(meta, dict) or not isinstance(meta.get("labels"), dict):
        raise CatalogNERError(f"{path}: not the meta.json of a trained pipeline")
    return meta


def _assigns(nlp: Language, factory: str) -> tuple[str, ...]:
    try:
        return tuple(nlp.get_factory_meta(factory).assigns)
    except ValueError:  # not installed
        return ()


def _find_backbone(value: Any) -> str | None:
    """Find the transformer in the config of the components, whichever of them has it."""
    if not isinstance(value, dict):
        return None
    if value.get("@misc") == "spacy_catalog_ner.backbone.v1":
        return str(value.get("name", BUNDLED_MODEL))
    if "TransformerModel" in value.get("@architectures", "") and isinstance(value["name"], str):
        return str(value["name"])
    found = map(_find_backbone, value.values())
    return next((name for name in found if name is not None), None)


def _settings(training: dict[str, Any]) -> dict[str, str]:
    """Return what of the ``[training]`` section a reader wants to know."""
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
    """Write a value of a config; what is registered as ``name(setting=value, ...)``."""
    if not isinstance(value, dict):
        return str(value)
    name = next((value[key] for key in value if key.startswith("@")), "")
    settings = (
        f"{key}={_describe(part)}"
        for key, part in value.items()
        if not key.startswith("@") and part is not None
    )
    return f"{name}({', '.join(settings)})"
