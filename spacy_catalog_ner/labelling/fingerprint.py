"""Telling whether a run that is found was one with the same pipeline and input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from spacy.language import Language

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.labelling.models import find_models
from spacy_catalog_ner.labelling.sources import hash_file


def fingerprint(nlp: Language, source: Path) -> str:
    """Return a hash that differs when the same run would give another output.

    How a model is called (how many calls at once, how long to wait, how often to try) may change
    from one start to the next: of models that have an `identity` that alone counts.
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
        if version is not None:  # cheaper than all of a large catalog
            digest.update(version.encode("utf8"))
        elif hasattr(component, "to_bytes"):
            digest.update(component.to_bytes())
    return digest.hexdigest()
