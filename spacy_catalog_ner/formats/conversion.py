"""From files of any format to one of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from spacy.language import Language
from tqdm import tqdm

from spacy_catalog_ner.errors import CatalogNERError, Place, Problems
from spacy_catalog_ner.formats import Format, Scheme, brat, conll, docbin, label_studio, prodigy
from spacy_catalog_ner.formats.detection import detect_source, detect_target
from spacy_catalog_ner.io.annotated import read_annotated
from spacy_catalog_ner.io.files import atomic_write, dump_row, require_file, require_path
from spacy_catalog_ner.io.row import Row


@dataclass
class Summary:
    """What was written: the number of texts, and of spans by label."""

    texts: int = 0
    labels: Counter[str] = field(default_factory=Counter)


def convert_files(
    sources: Sequence[Path],
    target: Path,
    nlp: Language,
    problems: Problems,
    *,
    source_format: Format | None = None,
    target_format: Format | None = None,
    labels: set[str] | None = None,
    scheme: Scheme = Scheme.IOB2,
    column: int | None = None,
    progress: bool = False,
) -> Summary:
    """Read files in their order and write all their rows to one.

    Parameters
    ----------
    sources
        Files, or folders of brat.
    target
        File to write, or folder for brat.
    nlp
        Its tokenizer makes the tokens of texts that have none, where tokens are needed.
    problems
        Receives what is wrong with the sources, and what the target cannot hold.
    source_format, target_format
        The formats; told by the names, and of JSON by the first rows, if None.
    labels
        The labels known; spans with others are reported and left out. All are known if None.
    scheme
        Of the tags, where columns are written.
    column
        Of the tags, where columns are read, 1-based; the last if None.
    progress
        Whether to show a progress bar on stderr.

    Raises
    ------
    CatalogNERError
        If a source is missing or of another format, or has not one row that can be used.
    """
    target_format = target_format or detect_target(target)
    formats = [source_format or detect_source(path) for path in sources]
    for path, format_ in zip(sources, formats, strict=True):
        (require_path if format_ is Format.BRAT else require_file)(path, "annotated text")
    readers = _READERS | {Format.CONLL: partial(conll.read, column=column)}
    bar = partial(tqdm, unit=" texts", delay=1, disable=not progress)
    rows = (
        row
        for path, format_ in zip(sources, formats, strict=True)
        for row in bar(readers[format_](path, problems, labels), desc=path.name)
    )
    summary = Summary()
    usable = _usable(rows, summary, target, problems)
    match target_format:
        case Format.JSONL:
            summary.labels = _write_jsonl(target, usable)
        case Format.DOCBIN:
            summary.labels = docbin.write(target, usable, nlp, problems)
        case Format.CONLL:
            summary.labels = conll.write(target, usable, nlp, problems, scheme)
        case Format.PRODIGY:
            summary.labels = prodigy.write(target, usable, nlp, problems)
        case Format.LABEL_STUDIO:
            summary.labels = label_studio.write(target, usable)
        case Format.BRAT:
            summary.labels = brat.write(target, usable, problems)
    return summary


_READERS: dict[Format, Callable[..., Iterator[tuple[Place, Row]]]] = {
    Format.JSONL: read_annotated,
    Format.DOCBIN: docbin.read,
    Format.PRODIGY: prodigy.read,
    Format.LABEL_STUDIO: label_studio.read,
    Format.BRAT: brat.read,
}


def _usable(
    rows: Iterable[tuple[Place, Row]], summary: Summary, target: Path, problems: Problems
) -> Iterator[tuple[Place, Row]]:
    for place, row in rows:
        if row.failure:  # no answer is not the answer that there is no entity
            problems.add("failed row", place, "got no answer; row skipped")
        else:
            summary.texts += 1
            yield place, row
    if not summary.texts:  # raised while the target is written, which leaves it as it was
        raise CatalogNERError(f"{target}: nothing to write, no usable row in the input")


def _write_jsonl(path: Path, rows: Iterable[tuple[Place, Row]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    with atomic_write(path) as stream:
        for _, row in rows:
            stream.write(dump_row(row))
            counts.update(span.label for span in row.spans or ())
    return counts
