"""`llm_semantic_filter`: an LLM selects among the candidates."""

from __future__ import annotations

from typing import Any

from spacy.language import Language

from spacy_catalog_ner.doc.record import SELECTED
from spacy_catalog_ner.errors import MissingExtraError

try:
    import spacy_llm  # noqa: F401  (creates the registries that the default config refers to)

    _DEFAULT_CONFIG: dict[str, Any] = {
        "task": {"@llm_tasks": "spacy_catalog_ner.SemanticFilter.v1"},
        "model": {"@llm_models": "spacy_catalog_ner.LlamaCpp.v1"},
    }
except ImportError:
    # spaCy loads every factory as it starts: without the extra only using this one may fail.
    _DEFAULT_CONFIG = {"task": None, "model": None}


@Language.factory(
    "llm_semantic_filter",
    assigns=["doc.spans", "doc._.catalog_ner"],
    requires=["doc.spans"],
    default_config={
        **_DEFAULT_CONFIG,
        "save_io": False,
    },
    default_score_weights={
        f"spans_{SELECTED}_p": None,
        f"spans_{SELECTED}_r": None,
        f"spans_{SELECTED}_f": 1.0,
        f"spans_{SELECTED}_per_type": None,
    },
)
def make_llm_semantic_filter(nlp: Language, name: str, task: Any, model: Any, save_io: bool) -> Any:
    """Make the component that ``nlp.add_pipe("llm_semantic_filter")`` adds.

    Parameters
    ----------
    task
        A spacy-llm task, by default ``spacy_catalog_ner.SemanticFilter.v1``;
        ``spacy_catalog_ner.DirectExtraction.v1`` needs no candidates.
    model
        A spacy-llm model that answers the task's prompts, by default
        ``spacy_catalog_ner.LlamaCpp.v1``.
    save_io
        Keep prompt and answer in ``doc.user_data["llm_io"]``.

    Returns
    -------
    spacy_llm.pipeline.LLMWrapper
        It reads ``doc.spans["candidates"]`` and ``doc._.exemplars`` and writes
        ``doc.spans["selected"]``.

    Raises
    ------
    MissingExtraError
        If spacy-llm is not installed.
    """
    try:
        from spacy_llm.cache import BatchCache
        from spacy_llm.pipeline import LLMWrapper
    except ImportError:
        raise MissingExtraError("llm_semantic_filter", "local-llm") from None

    return LLMWrapper(
        name=name,
        task=task,
        model=model,
        vocab=nlp.vocab,
        save_io=save_io,
        # No cache of Docs: spacy-llm's key leaves out the candidates and the order of the words.
        cache=BatchCache(path=None, batch_size=1, max_batches_in_mem=1),
    )
