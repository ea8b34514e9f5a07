"""``catalog-ner calibrate``: confidences that can be trusted, learned from the exemplars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from spacy_catalog_ner.cli.common import TEACHER, Pipeline, read_overrides, say, show


def calibrate(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    pipeline: Pipeline = TEACHER,
    verdicts: Annotated[
        int, typer.Option(min=0, help="Ask the LLM about at most so many exemplars.")
    ] = 300,
    seed: Annotated[int, typer.Option(help="Of the choice of those.")] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="SVG of the reliability; OUTPUT.svg if not given.")
    ] = None,
) -> None:
    """Learn from a pipeline's exemplars how far to trust each source, and write it for later runs.

    Values of the pipeline's config can be given as further options, --section.key value.

    Example: catalog-ner calibrate --pipeline configs/teacher.cfg -o calibration
    """
    from spacy_catalog_ner.calibration.calibrate import calibrate as fit
    from spacy_catalog_ner.calibration.plot import plot_reliability
    from spacy_catalog_ner.doc.pipelines import load_pipeline

    nlp = load_pipeline(pipeline, read_overrides(context))
    calibration = fit(nlp, verdicts=verdicts, seed=seed)
    calibration.to_disk(output)
    picture = plot or output.with_name(f"{output.name}.svg")
    plot_reliability(calibration.report, picture)
    say(f"{output}, {picture}")
    show(msgspec.to_builtins(calibration.report))
