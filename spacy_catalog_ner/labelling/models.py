"""The language model of a pipeline, as far as labelling has to know it."""

from __future__ import annotations

from typing import Any

from spacy.language import Language


def find_models(nlp: Language) -> dict[str, Any]:
    """Return the models, by the name of their component, that say who they are.

    Those are the models of this package: their `identity` holds all that can change an answer.
    """
    models = {}
    for name, component in nlp.pipeline:
        model = getattr(component, "_model", None)  # spacy-llm's wrapper shows it in no other way
        if isinstance(getattr(model, "identity", None), dict):
            models[name] = model
    return models


def name_models(nlp: Language) -> list[str]:
    """Return the names of these models, sorted: of a GGUF file its path as it was given."""
    return sorted({str(model.model) for model in find_models(nlp).values()})


def choose_batch_size(nlp: Language) -> int:
    """Return how many texts to label between two checkpoints.

    Eight for each call that the model makes at once: a batch waits for the slowest of its calls,
    which costs less the more there are, and an interruption loses the batch under way.
    """
    models = find_models(nlp).values()
    calls = max((getattr(model, "concurrency", 1) for model in models), default=8)
    return 8 * calls
