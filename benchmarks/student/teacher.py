"""Labels of a teacher that has few annotated texts, for students to learn from."""

from __future__ import annotations

import json

import spacy
from spacy.language import Language

from benchmarks.common.thresholds import Row, Scored, read_answers
from benchmarks.student.sets import StudentSet
from spacy_catalog_ner.calibration.calibrate import calibrate
from spacy_catalog_ner.errors import Problems
from spacy_catalog_ner.exemplars import ExemplarStore, SentenceTransformerEmbedder
from spacy_catalog_ner.exemplars.reading import read_exemplars
from spacy_catalog_ner.io.files import atomic_write
from spacy_catalog_ner.labelling import label_rows
from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher

_SHOWN = 5  # exemplars, as in configs/teacher.cfg


def label(
    made: StudentSet, parts: dict[str, str], tests: tuple[str, ...]
) -> dict[str, list[Scored]]:
    """Label parts of a set with a teacher whose exemplars are those of ``few``.

    It is the pipeline of configs/teacher.cfg without its LLM: docs/teacher.md shows that the
    embedded one adds nothing to what exemplars and catalog know, and it takes a hundred times
    longer.

    Parameters
    ----------
    made
        The set.
    parts
        Names of parts to label, and of those to write.
    tests
        Parts to answer.

    Returns
    -------
    dict
        What the teacher says of every text of each test.
    """
    path = made.folder / "teacher.json"
    if not path.exists():
        nlp = _make_teacher(made)
        for source, target in parts.items():
            rows = [{key: row[key] for key in row if key != "spans"} for row in made.rows(source)]
            made.write(target, label_rows(nlp, rows))
        nlp.get_pipe("confidence_calibrator").threshold = 0.01
        answers = {part: _answer(nlp, made.rows(part)) for part in tests}
        with atomic_write(path) as stream:
            json.dump(answers, stream)
    return read_answers(path)


def _make_teacher(made: StudentSet) -> Language:
    store, calibration = made.folder / "exemplars", made.folder / "calibration"
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(made.catalog)})
    retriever = {"store": str(store), "k": _SHOWN}
    nlp.add_pipe("dynamic_exemplar_retriever", config=retriever)
    if not (store / "meta.json").exists():
        matcher = CatalogMatcher(catalog=made.catalog)
        exemplars = read_exemplars(made.folder / "few.jsonl", matcher, "en", Problems())
        ExemplarStore.build(exemplars, SentenceTransformerEmbedder()).to_disk(store)
    calibrate(nlp).to_disk(calibration)
    nlp.add_pipe("confidence_calibrator", config={"calibration": str(calibration)})
    nlp.add_pipe("constraint_post_processor")
    return nlp


def _answer(nlp: Language, rows: list[Row]) -> list[Scored]:
    return [
        [(*span.key, span.keys["score"]) for span in row.spans or ()]
        for row in label_rows(nlp, [{"text": row["text"]} for row in rows])
    ]
