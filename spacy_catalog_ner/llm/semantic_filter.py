"""`spacy_catalog_ner.SemanticFilter.v1`: the spacy-llm task that selects among candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Iterator  # noqa: UP035  (spacy-llm looks for typing's)

import srsly
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

from spacy_catalog_ner.components.doc_record import CANDIDATES, SELECTED, span_key, update_record
from spacy_catalog_ner.components.scoring import score_spans
from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.files import read_labels, require_file
from spacy_catalog_ner.llm.excerpt import excerpt
from spacy_catalog_ner.llm.prompt import SelectionPrompt, Verdicts

DEFAULT_TEMPLATE = Path(__file__).parent / "prompts" / "verdicts.v1.jinja"


def make_semantic_filter(
    labels: dict[str, str] | str | None = None,
    threshold: float = 0.5,
    template: str | None = None,
) -> SemanticFilter:
    """Make the task registered as ``spacy_catalog_ner.SemanticFilter.v1``.

    Parameters
    ----------
    labels
        A description of each entity type, shown in the prompt, or the path of a YAML file of
        them; none are shown if None.
    threshold
        Lowest confidence of a candidate that is selected, between 0 and 1.
    template
        Path of a Jinja template to use instead of ``llm/prompts/verdicts.v1.jinja``.
    """
    return SemanticFilter(labels=labels, threshold=threshold, template=template)


class SemanticFilter:
    """Asks of every candidate whether it is meant so in the text, and keeps those affirmed.

    The model never writes an entity: what is selected is a subset of the candidates by
    construction, whatever the text says. Parameters are those of `make_semantic_filter`.
    """

    def __init__(
        self,
        *,
        labels: dict[str, str] | str | Path | None = None,
        threshold: float = 0.5,
        template: str | Path | None = None,
    ) -> None:
        if not 0 <= threshold <= 1:
            raise CatalogNERError(f"threshold: expected a number from 0 to 1, got {threshold}")
        self.threshold = threshold
        self._labels_path = Path(labels) if isinstance(labels, str | Path) else None
        self._template_path = Path(template or DEFAULT_TEMPLATE)
        # Files are read at first use: a saved pipeline brings their contents, and the paths in
        # its config exist only where it was made.
        self._labels = None if self._labels_path else dict(labels or {})  # type: ignore[arg-type]
        self._source: str | None = None
        self._template: Any = None

    @property
    def label_definitions(self) -> dict[str, str]:
        """Description of each entity type.

        Raises
        ------
        CatalogNERError
            If the configured file is missing or of another shape.
        """
        if self._labels is None:
            assert self._labels_path is not None
            self._labels = read_labels(self._labels_path)
        return self._labels

    @property
    def template(self) -> str:
        """Jinja source of the prompt."""
        if self._source is None:
            path = require_file(self._template_path, "a Jinja template")
            self._source = path.read_text(encoding="utf8")
        return self._source

    def generate_prompts(self, docs: Iterable[Doc]) -> Iterable[Any]:
        """Yield a `SelectionPrompt` for each document; without candidates it asks nothing.

        Raises
        ------
        CatalogNERError
            If no component before this one has looked for candidates.
        """
        for doc in docs:
            if CANDIDATES not in doc.spans:
                raise CatalogNERError(
                    f'llm_semantic_filter found no doc.spans["{CANDIDATES}"]: add'
                    ' "catalog_matcher" to the pipeline before it'
                )
            questions = tuple(f"{_one_line(span.text)} = {span.label_}?" for span in _distinct(doc))
            yield SelectionPrompt(self._render(doc) if questions else "", questions)

    def _render(self, doc: Doc) -> str:
        labels = {span.label_ for span in doc.spans[CANDIDATES]}
        # The most similar exemplar stands nearest to the text.
        exemplars = [excerpt(exemplar, labels) for exemplar in reversed(doc._.exemplars or [])]
        if self._template is None:
            self._template = _compile(self.template)
        rendered: str = self._template.render(
            labels=self.label_definitions, exemplars=exemplars, text=_one_line(doc.text)
        )
        return rendered + "\n"

    def parse_responses(self, docs: Iterable[Doc], responses: Iterable[Any]) -> Iterable[Doc]:
        """Write the candidates that were affirmed, with their confidences, to each document."""
        for doc, response in zip(docs, responses, strict=True):
            (verdicts,) = response
            self._annotate(doc, verdicts)
            yield doc

    def _annotate(self, doc: Doc, verdicts: Verdicts) -> None:
        selected: list[tuple[Span, float]] = []
        if not verdicts.error:
            selected = [
                (span, confidence)
                for span, confidence in zip(_distinct(doc), verdicts.confidences, strict=True)
                if confidence >= self.threshold
            ]
        group = SpanGroup(doc, name=SELECTED, spans=[span for span, _ in selected])
        group.attrs["scores"] = [confidence for _, confidence in selected]
        doc.spans[SELECTED] = group
        usage = {
            "prompt_tokens": verdicts.prompt_tokens,
            "cached_tokens": verdicts.cached_tokens,
            "output_tokens": verdicts.output_tokens,
        }
        update_record(doc, usage=usage, failure=verdicts.error or None)

    def scorer(self, examples: Iterable[Example]) -> dict[str, Any]:
        """Score the selected spans against the gold entities, as spacy-llm asks of a task."""
        return score_spans(examples, spans_key=SELECTED)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialise the contents of the files that the config names."""
        return bytes(
            srsly.msgpack_dumps({"labels": self.label_definitions, "template": self.template})
        )

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SemanticFilter:
        """Load what `to_bytes` gave."""
        parts = srsly.msgpack_loads(data)
        self._labels, self._source, self._template = parts["labels"], parts["template"], None
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the contents of the files that the config names."""
        Path(path).write_bytes(self.to_bytes())

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> SemanticFilter:
        """Load what `to_disk` wrote."""
        return self.from_bytes(Path(path).read_bytes())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_template": None}  # a compiled template can't be pickled


def _compile(source: str) -> Any:
    try:
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise MissingExtraError("llm_semantic_filter", "local-llm") from None
    # A pipeline from elsewhere brings its template: it must not run code.
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def _distinct(doc: Doc) -> Iterator[Span]:
    """One candidate for each span and label: which of several ids is meant is not asked."""
    seen = set()
    for span in doc.spans[CANDIDATES]:
        if span_key(span) not in seen:
            seen.add(span_key(span))
            yield span


def _one_line(text: str) -> str:
    """Fold white space, so that a text cannot end its line of the prompt and go on as another."""
    return " ".join(text.split())
