"""`spacy_catalog_ner.CandidateClassifier.v1`: from tokens and candidates to log-odds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Maxout, Model, chain
from thinc.types import Floats1d, Floats2d


@dataclass(frozen=True)
class CandidateBatch:
    """Candidates of a batch of Docs, in the order of the Docs, with a row in each array.

    `starts` and `ends` are the first token and the one after the last, counted over the tokens of
    all Docs; `labels` are numbers, and `features` have the columns of `CandidateFeatures`.
    """

    starts: np.ndarray
    ends: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


Input = tuple[list[Doc], CandidateBatch]


def make_candidate_model(
    tok2vec: Model[list[Doc], list[Floats2d]], hidden_size: int = 128
) -> Model[Input, Floats1d]:
    """Make the model of `candidate_classifier`.

    It reads the vectors of a candidate's first and last token, the mean of all its tokens, and its
    features. One hidden layer leads to log-odds for every label; the output is those of the
    candidate's own label.

    Parameters
    ----------
    tok2vec
        Gives a vector for every token: a transformer, or a listener to one.
    hidden_size
        Width of the hidden layer.

    Returns
    -------
    thinc.api.Model
        From Docs and the `CandidateBatch` of their candidates to the log-odds of each candidate,
        float32 of shape (candidates,).
    """
    hidden: Model = chain(Maxout(nO=hidden_size, nP=3, normalize=True), Dropout(0.0))
    output: Model = Linear()
    return Model(
        "candidate_classifier",
        _forward,
        init=_init,
        layers=[tok2vec, hidden, output],
        refs={"tok2vec": tok2vec, "hidden": hidden, "output": output},
    )


def _init(model: Model[Input, Floats1d], X: Input | None = None, Y: Any = None) -> None:  # noqa: N803
    tok2vec, hidden, output = (model.get_ref(name) for name in ("tok2vec", "hidden", "output"))
    if X is None:
        tok2vec.initialize()
        return
    docs, batch = X
    tok2vec.initialize(X=docs)
    pooled, _ = _pool(model, model.ops.flatten(tok2vec.predict(docs)), batch)
    inputs = model.ops.xp.hstack([pooled, model.ops.asarray2f(batch.features)])
    hidden.initialize(X=inputs)
    output.initialize(X=hidden.predict(inputs))


def _forward(
    model: Model[Input, Floats1d], inputs: Input, is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], Any]]:
    docs, batch = inputs
    ops = model.ops
    vectors, backprop_vectors = model.get_ref("tok2vec")(docs, is_train)
    lengths = ops.asarray1i([len(doc) for doc in docs])
    pooled, backprop_pool = _pool(model, ops.flatten(vectors), batch)
    known = ops.asarray2f(batch.features)
    hidden, backprop_hidden = model.get_ref("hidden")(ops.xp.hstack([pooled, known]), is_train)
    scores, backprop_scores = model.get_ref("output")(hidden, is_train)
    own = (ops.xp.arange(len(batch)), ops.xp.asarray(batch.labels))

    def backprop(d_log_odds: Floats1d) -> Any:
        d_scores = ops.alloc2f(*scores.shape)
        d_scores[own] = d_log_odds
        d_inputs = backprop_hidden(backprop_scores(d_scores))
        d_tokens = backprop_pool(d_inputs[:, : pooled.shape[1]])
        return backprop_vectors(ops.unflatten(d_tokens, lengths))

    return scores[own], backprop


def _pool(
    model: Model, tokens: Floats2d, batch: CandidateBatch
) -> tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """Concatenate the vectors of each candidate: first token, last token, mean of all."""
    ops = model.ops
    lengths = batch.ends - batch.starts
    # The tokens of all candidates, one after another, and the candidate each belongs to
    owners = np.repeat(np.arange(len(batch)), lengths)
    places = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
    places = ops.xp.asarray(places + batch.starts[owners])
    starts, lasts = ops.xp.asarray(batch.starts), ops.xp.asarray(batch.ends - 1)
    shares = ops.asarray2f((1 / lengths).reshape(-1, 1))
    owners = ops.xp.asarray(owners)
    mean = ops.alloc2f(len(batch), tokens.shape[1])
    ops.scatter_add(mean, owners, tokens[places])
    pooled = ops.xp.hstack([tokens[starts], tokens[lasts], mean * shares])

    def backprop(d_pooled: Floats2d) -> Floats2d:
        d_first, d_last, d_mean = ops.xp.hsplit(d_pooled, 3)
        d_tokens = ops.alloc2f(*tokens.shape)
        ops.scatter_add(d_tokens, starts, d_first)
        ops.scatter_add(d_tokens, lasts, d_last)
        ops.scatter_add(d_tokens, places, (d_mean * shares)[owners])
        return d_tokens

    return pooled, backprop
