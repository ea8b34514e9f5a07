"""What a name stands for, as the integers that spaCy makes spans of."""

from __future__ import annotations

from spacy.vocab import Vocab

from spacy_catalog_ner.catalog import Snapshot

_MAX_SIZE = 100_000  # names; those of a day's traffic are far fewer than those of a catalog


class CandidateKeys(dict[str, tuple[tuple[int, int], ...]]):
    """Keys in the string store of label and id, by normal form; looked up once and kept.

    Parameters
    ----------
    snapshot
        Says what a name stands for.
    vocab
        The vocab of the Docs that get the spans.
    """

    def __init__(self, snapshot: Snapshot, vocab: Vocab) -> None:
        super().__init__()
        self._snapshot = snapshot
        self._strings = vocab.strings
        self._passing = _in_memory_zone(vocab)

    def serve(self, snapshot: Snapshot, vocab: Vocab) -> bool:
        """Tell whether the keys are those of a snapshot and a vocab.

        What is added to the string store within ``nlp.memory_zone()`` is gone after it.
        """
        return (
            snapshot is self._snapshot
            and vocab.strings is self._strings
            and not (self._passing or _in_memory_zone(vocab))
        )

    def __missing__(self, form: str) -> tuple[tuple[int, int], ...]:
        if len(self) >= _MAX_SIZE:
            self.clear()
        add = self._strings.add
        keys = tuple(
            (add(label), add(identifier)) for label, identifier in self._snapshot.candidates(form)
        )
        self[form] = keys
        return keys


def _in_memory_zone(vocab: Vocab) -> bool:
    return bool(vocab.in_memory_zone)  # type: ignore[attr-defined]  # spaCy's stub lacks it
