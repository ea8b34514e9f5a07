"""Writing the folder of a populated data set: train, dev and test, and their data card."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from spacy_catalog_ner.about import __version__
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.generation.patterns.pattern import Pattern
from spacy_catalog_ner.generation.population.card import make_card, render_card
from spacy_catalog_ner.generation.population.names import Name, NamesByLabel, deal, split_names
from spacy_catalog_ner.generation.population.population import Population, Style, check_names
from spacy_catalog_ner.generation.population.row_checks import Tokenize
from spacy_catalog_ner.io.files import atomic_folder, iter_jsonl, write_json, write_jsonl
from spacy_catalog_ner.io.language import is_same_language
from spacy_catalog_ner.io.row import Row
from spacy_catalog_ner.wording.spoken_form import spells_numbers

SPLITS = ("train", "dev", "test")
MARK = "card.json"


@dataclass(frozen=True)
class Usable:
    """The patterns that can be populated, and the number of others.

    Left out are those of another language, and those `without_names`, by label.
    """

    patterns: list[Pattern]
    other_language: int
    without_names: dict[str, int]


def choose_usable(
    patterns: Sequence[Pattern], names: Mapping[str, Sequence[Name]], lang: str
) -> Usable:
    """Choose the patterns that can be populated; if there is none, that is an error."""
    ours = [pattern for pattern in patterns if is_same_language(pattern.lang, lang)]
    missing = {pattern.id: [x for x in pattern.labels if not names.get(x)] for pattern in ours}
    usable = [pattern for pattern in ours if not missing[pattern.id]]
    counts = Counter(label for labels in missing.values() for label in set(labels))
    without_names = dict(sorted(counts.items()))
    if not usable:
        raise CatalogNERError(
            f"no pattern to populate: {len(patterns)} given, {len(ours)} of them in {lang!r};"
            f" labels without names in the catalog: {', '.join(without_names) or 'none'}"
        )
    return Usable(usable, len(patterns) - len(ours), without_names)


def parse_shares(text: str) -> dict[str, float]:
    """Read ``"0.7,0.1,0.2"`` as the shares of train, dev and test, without those that are 0."""
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = []
    if len(shares) != len(SPLITS) or min(shares) < 0 or not abs(sum(shares) - 1) < 1e-6:
        raise CatalogNERError(
            f"splits: expected shares of train, dev and test that add up to 1, such as 0.7,0.1,0.2;"
            f" got {text!r:.80}"
        )
    return {split: share for split, share in zip(SPLITS, shares, strict=True) if share}


def write_data_set(
    output: Path,
    usable: Usable,
    names: NamesByLabel,
    shares: Mapping[str, float],
    count: int,
    style: Style,
    *,
    lang: str,
    labels: Collection[str],
    tokenize: Tokenize,
    unreviewed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Write a data set; what is at `output` is replaced once all of it is there.

    Names are divided among the splits, so that no name and no entity is in two of them. Patterns
    are used in all splits, but those without placeholders, which make one utterance, in one.

    Parameters
    ----------
    output
        Folder of ``train.jsonl``, ``dev.jsonl``, ``test.jsonl``, ``card.json`` and ``card.md``.
    usable, names, style, lang, tokenize
        See `Population`.
    shares
        Share of each split, of names and utterances.
    count
        Utterances to make in all.
    labels
        The known labels.
    unreviewed
        Number of patterns that nobody has reviewed, for the card.
    progress
        Show a bar on stderr.

    Returns
    -------
    dict
        Rows of each split, rows dropped by reason, seconds, utterances per second, and problems
        that validation found.

    Raises
    ------
    CatalogNERError
        If a split has too few names of a label for a pattern, or `output` holds something else.
    """
    divided = split_names(names, shares, style.seed)
    patterns = _divide_patterns(usable.patterns, shares, style.seed)
    for split in shares:
        check_names(patterns[split], divided[split], split)
    population = Population(lang, style, tokenize)
    counts = _divide_count(count, shares)
    written: dict[str, int] = {}
    with atomic_folder(output, mark=MARK) as folder:
        start = time.perf_counter()
        with tqdm(
            total=count, unit="utterance", desc="populate", delay=1, disable=not progress
        ) as bar:
            for split in shares:
                rows = population.populate(patterns[split], divided[split], counts[split], split)
                written[split] = write_jsonl(folder / f"{split}.jsonl", _to_dicts(rows, bar))
        seconds = time.perf_counter() - start
        # What is on disk is what is described and validated
        files = {split: iter_jsonl(folder / f"{split}.jsonl", Problems()) for split in shares}
        rows_of = {split: (row for _, row in file) for split, file in files.items()}
        card = make_card(rows_of, labels, lang, tokenize)
        card.population = {
            "version": __version__,
            "patterns": len(usable.patterns),
            "patterns_nobody_has_reviewed": unreviewed,
            "patterns_of_another_language": usable.other_language,
            "patterns_without_names": usable.without_names,
            "names": {label: len(listed) for label, listed in names.items()},
            "shares": dict(shares),
            "rows_dropped": dict(sorted(population.dropped.items())),
            **asdict(style),
            "numbers_in_words": style.form != "written" and spells_numbers(lang),
        }
        write_json(folder / MARK, card.to_dict())
        (folder / "card.md").write_text(render_card(card, output.name), encoding="utf8")
    return {
        "utterances": written,
        "dropped": card.population["rows_dropped"],
        "problems": card.validation["problems"],
        "seconds": round(seconds, 2),
        "utterances_per_second": round(sum(written.values()) / seconds),
    }


def _to_dicts(rows: Iterable[Row], bar: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield row.to_dict()
        bar.update()


def _divide_patterns(
    patterns: Sequence[Pattern], shares: Mapping[str, float], seed: int
) -> dict[str, list[Pattern]]:
    """Give all patterns to all splits, but those without placeholders to one each."""
    bare = [pattern.id for pattern in patterns if not pattern.labels]
    splits = deal(len(bare), shares, random.Random(f"{seed} patterns"))
    dealt = dict(zip(bare, splits, strict=True))
    return {
        split: [pattern for pattern in patterns if dealt.get(pattern.id, split) == split]
        for split in shares
    }


def _divide_count(count: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Divide a number by shares; what rounding leaves goes to the largest remainders."""
    counts = {split: int(count * share) for split, share in shares.items()}
    by_remainder = sorted(shares, key=lambda split: counts[split] - count * shares[split])
    for split in by_remainder[: count - sum(counts.values())]:
        counts[split] += 1
    return counts
