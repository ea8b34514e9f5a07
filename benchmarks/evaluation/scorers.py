"""Times and memory of evaluation, and of seqeval and spaCy on the same texts."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common.command import REPOSITORY
from benchmarks.common.measure import memory, peak, reset_peak, seconds
from benchmarks.evaluation.synthetic import Row, flatten
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.evaluation import align_rows, evaluate_pairs, evaluate_rows
from spacy_catalog_ner.evaluation.html import render_html
from spacy_catalog_ner.io.annotated import read_annotated

# Runs the command and says on the last line how much memory it took
_COMMAND = """
import sys
from benchmarks.common.measure import peak
from spacy_catalog_ner.cli.main import main
try:
    main()
finally:
    print(peak(), file=sys.stderr)
"""


def read(path: Path) -> list[Row]:
    """Read annotated rows."""
    return [row.to_dict() for _, row in read_annotated(path, Problems())]


def measure_evaluation(folder: Path, samples: int) -> dict[str, float]:
    """Measure `align_rows` and `evaluate_pairs` of what `synthetic.write_set` wrote.

    Returns
    -------
    dict
        Seconds: ``read_s`` of both files; ``align_s``; ``evaluate_s``, with a single resample, as
        there is no way without; ``bootstrap_s``, what `samples` of them take more. Bytes:
        ``peak``, the most that the process had, reading and all, less what it had before.
    """
    before = memory()["rss"]
    reset_peak()
    start = time.perf_counter()
    predictions, gold = (
        list(read_annotated(folder / f"{name}.jsonl", Problems()))
        for name in ("predictions", "gold")
    )
    figures = {"read_s": time.perf_counter() - start}
    start = time.perf_counter()
    pairs = align_rows(predictions, gold, Problems())
    figures["align_s"] = time.perf_counter() - start
    figures["evaluate_s"] = seconds(lambda: evaluate_pairs(pairs, samples=1))
    with_bootstrap = seconds(lambda: evaluate_pairs(pairs, samples=samples))
    figures["bootstrap_s"] = with_bootstrap - figures["evaluate_s"]
    figures["peak"] = peak() - before
    return figures


def measure_command(folder: Path) -> dict[str, float]:
    """Measure ``catalog-ner evaluate`` of both files from its start to its end.

    Returns
    -------
    dict
        ``seconds``, and ``peak``, the most bytes that the process had; both with the imports.
    """
    files = [str(folder / name) for name in ("predictions.jsonl", "gold.jsonl")]
    command = [sys.executable, "-c", _COMMAND, "evaluate", *files]
    start = time.perf_counter()
    result = subprocess.run(
        command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    elapsed = time.perf_counter() - start
    message = result.stderr.decode("utf8")
    if result.returncode:
        raise RuntimeError(f"catalog-ner evaluate: {message}")
    return {"seconds": elapsed, "peak": float(message.split()[-1])}


def measure_flat(engine: str, folder: Path) -> dict[str, float]:
    """Time an engine of `ENGINES` on the texts without overlapping spans.

    What an engine takes is made of the rows before, and not counted.

    Returns
    -------
    dict
        ``seconds``, and the micro ``f1`` that it gives.
    """
    predictions, gold = (
        [flatten(row) for row in read(folder / f"{name}.jsonl")] for name in ("predictions", "gold")
    )
    score = ENGINES[engine](predictions, gold)
    start = time.perf_counter()
    f1 = score()
    return {"seconds": time.perf_counter() - start, "f1": f1}


def _prepare_ours(predictions: list[Row], gold: list[Row]) -> Callable[[], float]:
    def score() -> float:
        return evaluate_rows(predictions, gold, samples=1).micro.f1

    return score


def _prepare_seqeval(predictions: list[Row], gold: list[Row]) -> Callable[[], float]:
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    tags = [_tag(row) for row in gold], [_tag(row) for row in predictions]

    def score() -> float:
        report = classification_report(
            *tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
        return float(report["micro avg"]["f1-score"])

    return score


def _prepare_spacy(predictions: list[Row], gold: list[Row]) -> Callable[[], float]:
    from spacy.scorer import Scorer
    from spacy.tokens import Doc
    from spacy.training import Example
    from spacy.vocab import Vocab

    vocab = Vocab()

    def make_doc(row: Row) -> Doc:
        doc = Doc(vocab, words=row["text"].split(" "))
        spans = (doc.char_span(span["start"], span["end"], span["label"]) for span in row["spans"])
        doc.set_ents(list(spans), default="outside")
        return doc

    examples = [
        Example(make_doc(predicted), make_doc(row))
        for predicted, row in zip(predictions, gold, strict=True)
    ]
    return lambda: float(Scorer.score_spans(examples, "ents")["ents_f"])


ENGINES = {"ours": _prepare_ours, "seqeval": _prepare_seqeval, "spaCy": _prepare_spacy}


def _tag(row: Row) -> list[str]:
    """Return the IOB2 tags of the words of a row."""
    tags, end = [], 0
    begins = {span["start"]: span for span in row["spans"]}
    inside: Row | None = None
    for word in row["text"].split(" "):
        start, end = end, end + len(word) + 1
        if start in begins:
            inside = begins[start]
            tags.append(f"B-{inside['label']}")
        elif inside is not None and start < inside["end"]:
            tags.append(f"I-{inside['label']}")
        else:
            tags.append("O")
    return tags


def measure_html(folder: Path, errors: int, page: Path) -> dict[str, float]:
    """Write the HTML report with so many errors, beside a baseline, and time that.

    Returns
    -------
    dict
        ``render_s``, from the result and the pairs to the page; its ``bytes``.
    """
    pairs = align_rows(read(folder / "predictions.jsonl"), read(folder / "gold.jsonl"), Problems())
    result = evaluate_pairs(pairs, samples=1)
    start = time.perf_counter()
    html = render_html(
        result,
        pairs,
        title="Benchmark",
        baseline=result,
        baseline_pairs=pairs,
        max_errors=errors,
    )
    elapsed = time.perf_counter() - start
    page.write_text(html, encoding="utf8")
    return {"render_s": elapsed, "bytes": page.stat().st_size}
