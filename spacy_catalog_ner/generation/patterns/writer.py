"""Patterns that a language model writes after the model of a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy import util

from spacy_catalog_ner.errors import CatalogNERError
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.patterns.rejection import Rejected
from spacy_catalog_ner.generation.patterns.tags import Tags
from spacy_catalog_ner.llm.models.model import SelectionModel
from spacy_catalog_ner.llm.prompt import Prompt, Reply, Request, Usage
from spacy_catalog_ner.llm.tasks.answers import find_list
from spacy_catalog_ner.llm.tasks.templates import LANGUAGES, PromptTemplate, one_line, read_template

_PROMPTS = Path(__file__).parent / "prompts"
_BLOCKS = ("static", "context", "closing")
# A pattern of 40 words, the longest by default, is 60 to 80 tokens of most models
_TOKENS_PER_PATTERN = 80
_LONGEST_ANSWER_SHOWN = 200  # characters


@dataclass(frozen=True)
class Seed:
    """What a model is to write patterns after.

    Attributes
    ----------
    text
        An utterance, or a pattern.
    row
        The row that it comes from.
    """

    text: str
    row: Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """What a model made of a seed.

    Attributes
    ----------
    seed
        What it was given.
    patterns
        What it wrote, unchecked.
    rejected
        Why it, or a part of its answer, gave no pattern.
    usage
        What that cost.
    """

    seed: Seed
    patterns: list[Pattern]
    rejected: list[Rejected]
    usage: Usage


class PatternWriter:
    """Has a model write patterns, some for each seed.

    Seeds in another language than the patterns' are to be said anew in it, not translated.

    Parameters
    ----------
    model
        Writes the answers; with a response cache it is asked nothing twice.
    tags
        The labels that placeholders may have.
    lang
        spaCy's code of the language of the patterns.
    seeds_lang
        That of the seeds.
    per_seed
        How many patterns to ask for.
    rules
        What holds for a label beyond its description.
    template
        Path of a Jinja template to use instead of ``generation/prompts/patterns.LANG.v1.jinja``;
        it has the same blocks.
    examples
        Patterns with the utterances that they were abstracted from, shown as examples.

    Raises
    ------
    CatalogNERError
        If a rule is for an unknown label, or the template cannot be used.
    """

    def __init__(
        self,
        model: SelectionModel,
        tags: Tags,
        *,
        lang: str,
        seeds_lang: str,
        per_seed: int = 3,
        rules: Mapping[str, str] | None = None,
        template: Path | None = None,
        examples: Sequence[Pattern] = (),
    ) -> None:
        unknown = [label for label in rules or {} if tags.find(label) is None]
        if unknown:
            raise CatalogNERError(
                f"rules: {unknown[0]!r} is no label; expected {', '.join(tags.allowed)}"
            )
        self.model = model
        self.tags = tags
        self.lang = lang
        self.per_seed = per_seed
        path = template or _built_in(lang)
        self._template = PromptTemplate(read_template(path), str(path), _BLOCKS)
        self._values = {
            "labels": _one_lines(tags.allowed),
            "forbidden": _one_lines(tags.forbidden),
            "rules": _one_lines({tags.find(label): rule for label, rule in (rules or {}).items()}),
            "examples": [
                {"seed": one_line(example.seed), "pattern": self._show(example.text)}
                for example in examples
            ],
            "per_seed": per_seed,
            "language": _language(lang),
            "seeds_language": _language(seeds_lang),
            "is_native": lang == seeds_lang,
        }

    def write(self, seeds: Iterable[Seed]) -> Iterator[Written]:
        """Ask for patterns, and yield what becomes of each seed, in order.

        Raises
        ------
        ModelUnavailableError
            If the model cannot be used, or fails too often in a row.
        CatalogNERError
            If the template cannot be filled in.
        """
        seeds = list(seeds)
        prompts = ([Prompt([self._make_request(seed)])] for seed in seeds)
        for seed, (answer,) in zip(seeds, self.model(prompts), strict=True):
            (reply,) = answer.replies
            yield self._read(seed, reply)

    def _make_request(self, seed: Seed) -> Request:
        values = {**self._values, "seed": self._show(seed.text)}
        return Request(
            static=self._template.render("static", values),
            context=self._template.render("context", values),
            closing=self._template.render("closing", values),
            schema=patterns_schema(self.per_seed),
            max_tokens=32 + _TOKENS_PER_PATTERN * self.per_seed,
        )

    def _show(self, text: str) -> str:
        """Make a seed safe to insert, and leave its placeholders as they are."""
        text = one_line(text)
        for label in self.tags.allowed:
            text = text.replace(f"< {label}>", f"<{label}>")
        return text

    def _read(self, seed: Seed, reply: Reply) -> Written:
        """Take an answer apart; nothing of it is lost."""
        if reply.error:
            return Written(seed, [], [Rejected("no answer", reply.error)], reply.usage)
        items = find_list(reply.text, "patterns")
        if items is None:
            shown = (
                f"expected JSON with patterns, got {reply.text.strip()!r:.{_LONGEST_ANSWER_SHOWN}}"
            )
            return Written(seed, [], [Rejected("unreadable answer", shown)], reply.usage)
        patterns, rejected = [], []
        for item in items:
            if _is_text(item):
                patterns.append(self._make_pattern(seed, item))
            else:
                shown = f"expected text, got {item!r:.{_LONGEST_ANSWER_SHOWN}}"
                rejected.append(Rejected("unreadable answer", shown))
        if not items:
            rejected.append(Rejected("empty answer", "the model wrote no pattern"))
        return Written(seed, patterns, rejected, reply.usage)

    def _make_pattern(self, seed: Seed, text: str) -> Pattern:
        cluster = seed.row.get("cluster")
        return Pattern(
            " ".join(text.split()),
            self.lang,
            source="llm",
            seed=seed.text,
            cluster=cluster if type(cluster) is int else None,
        )


def patterns_schema(most: int) -> dict[str, Any]:
    """Return the JSON schema of ``{"patterns": ["..."]}``, with at most so many."""
    patterns = {"type": "array", "items": {"type": "string"}, "maxItems": most}
    return {
        "type": "object",
        "properties": {"patterns": patterns},
        "required": ["patterns"],
        "additionalProperties": False,
    }


def _built_in(lang: str) -> Path:
    """Return the prompt in the language of the patterns, the English one where there is none."""
    return _PROMPTS / f"patterns.{lang if lang in LANGUAGES else 'en'}.v1.jinja"


def _language(lang: str) -> str:
    """Return the English name of a language with its code: "Spanish (es)"."""
    return f"{util.get_lang_class(lang).__name__} ({lang})"


def _one_lines(texts: Mapping[Any, str]) -> dict[str, str]:
    return {label: one_line(text) for label, text in texts.items()}


def _is_text(value: Any) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode("utf8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write and no file can hold
        return False
    return True
