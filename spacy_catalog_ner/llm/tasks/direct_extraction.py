"""`spacy_catalog_ner.DirectExtraction.v1`: the baseline that writes entities, without a catalog."""

from __future__ import annotations

from collections import Counter

from spacy.tokens import Doc, Span, SpanGroup

from spacy_catalog_ner.catalog.normalization import normalize
from spacy_catalog_ner.doc.mentions import find_mentions
from spacy_catalog_ner.doc.record import SELECTED
from spacy_catalog_ner.llm.prompt import Answer, Request
from spacy_catalog_ner.llm.tasks.answers import AnswerErrors, Name, entities_schema, parse_entities
from spacy_catalog_ner.llm.tasks.excerpt import excerpt
from spacy_catalog_ner.llm.tasks.task import WINDOW, Exemplars, SpanTask
from spacy_catalog_ner.llm.tasks.templates import one_line
from spacy_catalog_ner.llm.tasks.windows import Window, make_pieces


class DirectExtraction(SpanTask):
    """Asks for the entities of a text and finds them in it: generative NER with exemplars.

    It needs no candidates. ``doc.spans["selected"]`` holds the entities found in the text; names
    that are not in it are recorded as ``invented``. The n-th mention of a name is its n-th
    occurrence; further mentions are ``duplicate``. A long text is split into pieces.

    Parameters
    ----------
    labels
        A description of each entity type, or the path of a YAML file of them. Entities with
        another label are dropped; if None, any label is taken.
    k
        Number of retrieved exemplars to show, the most similar first; all if None.
    lang
        Language of the prompt, ``"en"`` or ``"es"``.
    template
        Path of a Jinja template to use instead of ``llm/prompts/direct.LANG.v1.jinja``.
    """

    def __init__(
        self,
        labels: dict[str, str] | str | None = None,
        k: int | None = None,
        lang: str = "en",
        template: str | None = None,
    ) -> None:
        super().__init__("direct", labels=labels, k=k, lang=lang, template=template)

    def _make_windows(self, doc: Doc) -> list[Window]:
        return make_pieces(len(doc), WINDOW) if doc.text.strip() else []

    def _make_request(self, doc: Doc, window: Window, exemplars: Exemplars) -> Request:
        tokens = window.end - window.start
        return self._fill(
            doc,
            window,
            exemplars,
            lambda exemplar: excerpt(exemplar, exemplar["selected"]),
            schema=entities_schema(self._known_labels),
            max_tokens=32 + 10 * tokens,  # an entity every other token; no text has more
        )

    def _annotate(self, doc: Doc, answer: Answer) -> AnswerErrors:
        mentions: list[Name] = []
        errors = AnswerErrors()
        for reply in answer.replies:
            if not reply.error:
                found, wrong = parse_entities(reply.text)
                mentions += found
                errors.add(wrong)
        spans = self._locate(doc, mentions, errors)
        doc.spans[SELECTED] = SpanGroup(doc, name=SELECTED, spans=sorted(spans))
        return errors

    def _locate(self, doc: Doc, mentions: list[Name], errors: AnswerErrors) -> list[Span]:
        spans = []
        times: Counter[str] = Counter()
        for text, label in mentions:
            if self._known_labels and label not in self._known_labels:
                errors.wrong_label.append((text, label))
                continue
            name = normalize(text)
            found = find_mentions(doc, text, label)
            if not found:
                errors.invented.append((text, label))
            elif times[name] >= len(found):
                errors.duplicate += 1
            else:
                spans.append(found[times[name]])
                times[name] += 1
        return spans

    @property
    def _known_labels(self) -> list[str]:
        return [one_line(label) for label in self.label_definitions]
