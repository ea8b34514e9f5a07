"""Running a pipeline over rows in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spacy.language import Language
from spacy.util import minibatch
from tqdm import tqdm

from spacy_catalog_ner.labelling.batches import MANY, SEVERAL, run_batch
from spacy_catalog_ner.labelling.models import choose_batch_size
from spacy_catalog_ner.labelling.rows import Row, answered_row, original_row


def label_rows(nlp: Language, rows: Sequence[Row], progress: bool = True) -> Iterator[Row]:
    """Yield each row with the spans that a pipeline finds.

    Parameters
    ----------
    nlp
        The pipeline.
    rows
        Rows with ``text``.
    progress
        Show a progress bar on stderr.

    Yields
    ------
    dict
        The row; where there is no answer to its text, without spans and with the reason as
        ``failure`` in its record, ``catalog_ner``.

    Raises
    ------
    CatalogNERError
        If a component raised one at every text of a batch (at two of them, or eight once any text
        was answered).
    ModelUnavailableError
        If the pipeline's model cannot be reached.
    """
    several = SEVERAL
    with tqdm(total=len(rows), unit="text", disable=not progress) as bar:
        for batch in minibatch(rows, choose_batch_size(nlp)):
            done = run_batch(nlp, [row["text"] for row in batch], bar.update, several=several)
            several = MANY if done.docs else several
            for place, row in enumerate(batch):
                reason = done.failure(place)
                if reason:
                    record = {"failure": reason}
                    yield {**original_row(row), "spans": [], "catalog_ner": record}
                else:
                    yield answered_row(done.docs[place], row)
