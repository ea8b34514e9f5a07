"""Patterns that a language model writes after a seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spacy import util

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.generation.patterns.pattern import Pattern, Rejected, Tags
from spacy_catalog_ner.generation.patterns.sources import Seed
from spacy_catalog_ner.io.files import require_file
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
class Written:
    """The unchecked patterns a model wrote for a seed, and what of its answer gave none."""

    seed: Seed
    patterns: list[Pattern]
    rejected: list[Rejected]
    usage: Usage


class PatternWriter:
    """Has a model write patterns, some for each seed.

    Seeds in another language than the patterns' are to be said anew in it, not translated.

    Parameters
    ----------
    lang, seeds_lang
        spaCy's code of the language of the patterns, and of the seeds.
    per_seed
        Number of patterns to ask for.
    rules
        Additional rules by label.
    template
        Path of a Jinja template with the same blocks, to use instead of
        ``generation/patterns/prompts/patterns.LANG.v1.jinja``.
    examples
        Abstracted patterns to show with the utterances they are from.

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
        built_in = f"patterns.{lang if lang in LANGUAGES else 'en'}.v1.jinja"
        path = template or _PROMPTS / built_in
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
        """Ask for patterns, and yield the result of each seed, in order.

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
            schema=_schema(self.per_seed),
            max_tokens=32 + _TOKENS_PER_PATTERN * self.per_seed,
        )

    def _show(self, text: str) -> str:
        """Make a seed safe to insert, but keep its placeholders."""
        text = one_line(text)
        for label in self.tags.allowed:
            text = text.replace(f"< {label}>", f"<{label}>")
        return text

    def _read(self, seed: Seed, reply: Reply) -> Written:
        patterns: list[Pattern] = []
        rejected: list[Rejected] = []
        items = None if reply.error else find_list(reply.text, "patterns")
        if reply.error:
            rejected.append(Rejected("no answer", reply.error))
        elif items is None:
            shown = f"{reply.text.strip()!r:.{_LONGEST_ANSWER_SHOWN}}"
            message = f"expected JSON with patterns, got {shown}"
            rejected.append(Rejected("unreadable answer", message))
        elif not items:
            rejected.append(Rejected("empty answer", "the model wrote no pattern"))
        for item in items or ():
            if _is_text(item):
                patterns.append(self._make_pattern(seed, item))
            else:
                shown = f"expected text, got {item!r:.{_LONGEST_ANSWER_SHOWN}}"
                rejected.append(Rejected("unreadable answer", shown))
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


def _schema(most: int) -> dict[str, Any]:
    """Return the JSON schema of ``{"patterns": ["..."]}``, with at most so many."""
    patterns = {"type": "array", "items": {"type": "string"}, "maxItems": most}
    return {
        "type": "object",
        "properties": {"patterns": patterns},
        "required": ["patterns"],
        "additionalProperties": False,
    }


def _language(lang: str) -> str:  # "Spanish (es)"
    return f"{util.get_lang_class(lang).__name__} ({lang})"


def _one_lines(texts: Mapping[Any, str]) -> dict[str, str]:
    return {label: one_line(text) for label, text in texts.items()}


def _is_text(value: Any) -> bool:
    # Half a surrogate pair can be written in JSON, but not in a file
    is_text = isinstance(value, str) and value.strip() != ""
    return is_text and not any("\ud800" <= char <= "\udfff" for char in value)


def load_model(path: Path, overrides: dict[str, Any] | None = None) -> SelectionModel:
    """Make the model of section ``[model]`` of a config, as ``configs/patterns.cfg``.

    `overrides` are values by dotted name, such as ``{"paths.cache": "answers.cache"}``.

    Raises
    ------
    CatalogNERError
        If there is no such file, it is not valid, or names a model of another kind.
    """
    require_file(path, "a config with a section [model]")
    from confection import ConfigValidationError

    try:
        from spacy_llm.registry import registry
    except ImportError:
        raise MissingExtraError("--model-config", "local-llm") from None
    try:
        config = util.load_config(path, overrides=overrides or {}, interpolate=True)
        if "model" not in config:
            raise CatalogNERError("expected a section [model] with @llm_models, found none")
        model = registry.resolve({"model": config["model"]})["model"]
    except MissingExtraError:
        raise
    except (ConfigValidationError, ValueError) as err:
        raise CatalogNERError(f"{path}: {' '.join(str(err).split())}") from None
    if not isinstance(model, SelectionModel):
        raise CatalogNERError(
            f"{path}: [model] is a {type(model).__name__}, expected a model of this package, such"
            ' as @llm_models = "spacy_catalog_ner.LlamaCpp.v1"'
        )
    return model
