"""Choosing exemplars that bear on the labels in question."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from spacy_catalog_ner.exemplars.exemplar import Exemplar

Found = Sequence[tuple[Exemplar, float]]


def choose_by_label(found: Found, labels: Iterable[str], k: int) -> list[tuple[Exemplar, float]]:
    """Choose exemplars that have candidates of the labels to decide on.

    Each label in turn takes the most similar exemplar that has it: one frequent label does not
    take all the places of a rare one.

    Parameters
    ----------
    found
        Exemplars with their similarity, best first.
    labels
        Labels to decide on.
    k
        How many exemplars to choose.

    Returns
    -------
    list
        At most `k`, best first: fewer where fewer have any of the labels. Where none has, the
        first `k`.
    """
    queues = [
        [
            number
            for number, (exemplar, _) in enumerate(found)
            if any(item.label == label for item in exemplar.candidates)
        ]
        for label in dict.fromkeys(labels)
    ]
    chosen: set[int] = set()
    while len(chosen) < k and any(queues):
        for queue in queues:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < k:
                chosen.add(queue.pop(0))
    if not chosen:
        return list(found[:k])
    return [found[number] for number in sorted(chosen)]
