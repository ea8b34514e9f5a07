"""What a run needs to know of its pipeline: its models, and whether it is the same as before."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from spacy.language import Language

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.labelling.sources import hash_file


def find_models(nlp: Language) -> dict[str, Any]:
    """Return the language models of this package in a pipeline, by the name of their component.

    Their `identity` holds all that can change an answer.
    """
    models = {}
    for name, component in nlp.pipeline:
        model = getattr(component, "_model", None)  # spacy-llm's wrapper has no public attribute
        if isinstance(getattr(model, "identity", None), dict):
            models[name] = model
    return models


def name_models(nlp: Language) -> list[str]:
    """Return the names of these models, sorted: of a GGUF file its path as it was given."""
    return sorted({str(model.model) for model in find_models(nlp).values()})


def choose_batch_size(nlp: Language) -> int:
    """Return how many texts to label between two checkpoints.

    Eight for each concurrent call of the model: a batch waits for its slowest call, which matters
    less in a large one, and an interruption loses the batch it hits.
    """
    models = find_models(nlp).values()
    return 8 * max((getattr(model, "concurrency", 1) for model in models), default=8)


def fingerprint(nlp: Language, source: Path) -> str:
    """Return a hash of everything that can change the output of a run.

    Of models that have an `identity` that alone counts: concurrency, timeouts and retries may
    change between two starts of a run.
    """
    config = nlp.config.interpolate()
    components = {name: dict(config["components"][name]) for name in nlp.pipe_names}
    for name, model in find_models(nlp).items():
        components[name]["model"] = model.identity
    digest = hashlib.sha256(hash_file(source).encode("utf8"))
    parts = [__version__, nlp.lang, config["nlp"], nlp.pipe_names, components]
    digest.update(json.dumps(parts, sort_keys=True, default=str).encode("utf8"))
    for _, component in nlp.pipeline:
        version = getattr(component, "content_version", None)
        if version is not None:  # cheaper than serialising a large catalog
            digest.update(version.encode("utf8"))
        elif hasattr(component, "to_bytes"):
            digest.update(component.to_bytes())
    return digest.hexdigest()
