"""``catalog-ner catalog coverage``, and what ``info --ambiguous`` prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from tqdm import tqdm

from spacy_catalog_ner.catalog import Catalog
from spacy_catalog_ner.cli.common import collect_problems, say, show
from spacy_catalog_ner.errors import CatalogNERError, Problems
from spacy_catalog_ner.io.annotated import read_annotated, read_texts

if TYPE_CHECKING:
    from spacy_catalog_ner.matching.ambiguity import Noise
    from spacy_catalog_ner.matching.coverage import Coverage, LabelCoverage


def coverage(
    path: Annotated[Path, typer.Argument(help="A compiled catalog.")],
    annotated: Annotated[Path, typer.Argument(help="Annotated JSONL.")],
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GOLD=CATALOG",
            help="The label of the catalog that is right for a gold label, or several: A=B,C."
            " May be repeated; gold labels without one are left out.",
        ),
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the tokenizer.")] = "en",
) -> None:
    """Print how many of the gold mentions a catalog has names for, and at what noise, as JSON.

    Noise is candidates per text. Each variant rule has what would be lost without it. A mention is
    covered if a name has its exact span and one of the labels given for its own.

    Example: catalog-ner catalog coverage media.catalog dev.jsonl --label song=TRACK,ALBUM
    """
    from spacy_catalog_ner.doc.pipelines import blank_pipeline
    from spacy_catalog_ner.matching.coverage import measure_coverage

    catalog = Catalog.open(path)
    nlp = blank_pipeline(lang)
    labels = _read_mapping(label, catalog, path) if label else None
    with collect_problems() as problems:
        rows = (row for _, row in read_annotated(annotated, problems))
        bar = tqdm(rows, unit="text", desc=annotated.name)
        result = measure_coverage(bar, catalog, nlp, labels)
    if not result.texts:
        raise CatalogNERError(f"{annotated}: no annotated text to measure coverage on")
    for gold, figures in result.per_label.items():
        if not figures.mentions:
            say(f"Warning: {annotated}: no span has the label {gold}")
    say(_render(result))
    show(result)


def report_ambiguity(
    catalog: Catalog, sample: Path | None, lang: str, limit: int
) -> dict[str, Any]:
    """Return which names several labels share and, with a sample, which are noise in it.

    The sample is taken as annotated if its first row is.
    """
    from spacy_catalog_ner.doc.pipelines import blank_pipeline
    from spacy_catalog_ner.matching.ambiguity import find_noisy_names, find_shared_names

    noise: Noise | None = None
    if sample is None:
        say(
            "Which names are ordinary words shows in texts only: add --sample TEXTS.jsonl for the"
            " names that give the most wrong candidates"
        )
    else:
        nlp = blank_pipeline(lang)
        _, first = next(read_texts(sample, Problems()), (None, None))
        read = read_annotated if first is not None and "spans" in first.keys else read_texts
        with collect_problems() as problems:
            rows = (row for _, row in read(sample, problems))
            bar = tqdm(rows, unit="text", desc=sample.name)
            noise = find_noisy_names(bar, catalog, nlp, limit)
        if not noise.texts:
            raise CatalogNERError(f"{sample}: no text to look for names in")
    count, shared = find_shared_names(catalog, limit)
    return {
        "surface_forms": catalog.meta["surface_forms"],
        "shared_names": count,
        "shared": shared,
        **({} if noise is None else msgspec.structs.asdict(noise)),
    }


def _read_mapping(options: list[str], catalog: Catalog, path: Path) -> dict[str, set[str]]:
    labels: dict[str, set[str]] = {}
    for option in options:
        gold, _, names = option.partition("=")
        wanted = {name.strip() for name in names.split(",")}
        if not gold.strip() or "" in wanted:
            raise CatalogNERError(
                f"--label {option}: expected GOLD=CATALOG or GOLD=CATALOG,CATALOG"
            )
        unknown = sorted(wanted - set(catalog.labels))
        if unknown:
            known = ", ".join(catalog.labels)
            raise CatalogNERError(
                f"--label {option}: {path} has no label {unknown[0]}; there are {known}"
            )
        labels.setdefault(gold.strip(), set()).update(wanted)
    return labels


def _render(result: Coverage) -> str:
    """Lay the figures out for reading; the JSON has them all."""
    per_label: dict[str, Coverage | LabelCoverage] = {"all": result, **result.per_label}
    table = [("", "mentions", "coverage", "candidates per text")]
    for name, figures in per_label.items():
        noise = figures.candidates_per_text
        per_text = "" if noise is None else f"{noise:.2f}"
        table.append((name, str(figures.mentions), f"{figures.coverage:.1%}", per_text))
    if result.without_rule:
        table.append(("without the rule", "lost", "coverage lost", "candidates lost"))
    for rule, loss in result.without_rule.items():
        noise_lost = f"{loss.candidates_per_text_lost:.2f}"
        table.append((rule, str(loss.mentions_lost), f"{loss.coverage_lost:.1%}", noise_lost))
    first, *others = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]).rstrip() for row in table
    )
