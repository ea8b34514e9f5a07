"""`constraint_post_processor`: what breaks a rule is dropped and counted, what passes is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example

from spacy_catalog_ner.constraints.constraint_post_processor import ConstraintPostProcessor
from spacy_catalog_ner.doc.record import span_scores
from spacy_catalog_ner.errors import CatalogNERError

NLP = spacy.blank("en")
WORDS = ["play", "new", "york", "city", "by", "boston"]

Item = tuple  # (start token, end token, label) and perhaps id


def group(doc: Doc, key: str, items: list[Item], scores=None) -> None:
    spans = [Span(doc, item[0], item[1], item[2], kb_id="".join(item[3:])) for item in items]
    attrs = {} if scores is None else {"scores": scores}
    doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs=attrs)


def make_doc(candidates: list[Item], selected: list[Item], scores=None) -> Doc:
    doc = Doc(NLP.vocab, words=WORDS)
    group(doc, "candidates", candidates)
    group(doc, "selected", selected, scores)
    return doc


def entities(doc: Doc) -> list[Item]:
    return [(span.start, span.end, span.label_) for span in doc.spans["entities"]]


def ents(doc: Doc) -> list[Item]:
    return [(span.start, span.end, span.label_) for span in doc.ents]


def violations(doc: Doc) -> dict[str, int]:
    return doc._.catalog_ner["violations"]


NEW_YORK, NEW_YORK_CITY = (1, 3, "CITY"), (1, 4, "SONG")
BOSTON_CITY, BOSTON_BAND = (5, 6, "CITY"), (5, 6, "ARTIST")
ALL = [NEW_YORK, NEW_YORK_CITY, BOSTON_CITY, BOSTON_BAND]


def test_selected_candidates_become_entities():
    doc = ConstraintPostProcessor()(make_doc(ALL, [BOSTON_BAND, NEW_YORK]))
    assert entities(doc) == ents(doc) == [NEW_YORK, BOSTON_BAND]
    assert violations(doc) == {}


def test_nothing_selected_gives_no_entities():
    doc = ConstraintPostProcessor()(make_doc(ALL, []))
    assert entities(doc) == ents(doc) == []
    assert doc.has_annotation("ENT_IOB")


def test_every_kind_is_counted_by_itself():
    selected = [(0, 1, "SONG"), (4, 5, "SONG"), (1, 3, "X"), NEW_YORK, NEW_YORK, NEW_YORK_CITY]
    doc = ConstraintPostProcessor()(make_doc(ALL, selected))
    assert entities(doc) == [NEW_YORK_CITY]
    expected = {"duplicate": 1, "out_of_catalog": 2, "overlap": 1, "wrong_label": 1}
    assert violations(doc) == expected


def test_no_candidates_at_all_means_that_everything_is_out_of_catalog():
    doc = ConstraintPostProcessor()(make_doc([], [NEW_YORK]))
    assert entities(doc) == []
    assert violations(doc) == {"out_of_catalog": 1}


def test_without_a_matcher_in_the_pipeline_membership_is_not_checked():
    doc = make_doc([], [NEW_YORK])
    del doc.spans["candidates"]
    assert entities(ConstraintPostProcessor()(doc)) == [NEW_YORK]


def test_confident_keeps_the_span_with_the_higher_confidence():
    doc = make_doc(ALL, [NEW_YORK, NEW_YORK_CITY], scores=[0.9, 0.6])
    assert entities(ConstraintPostProcessor(overlap="confident")(doc)) == [NEW_YORK]


def test_confident_keeps_the_longer_span_where_confidences_are_equal_or_missing():
    for scores in ([0.7, 0.7], None):
        doc = make_doc(ALL, [NEW_YORK, NEW_YORK_CITY], scores)
        assert entities(ConstraintPostProcessor(overlap="confident")(doc)) == [NEW_YORK_CITY]


def test_nan_is_no_confidence_and_never_beats_one():
    for selected, scores in (
        ([NEW_YORK, NEW_YORK_CITY], [0.9, math.nan]),
        ([NEW_YORK_CITY, NEW_YORK], [math.nan, 0.9]),
    ):
        doc = ConstraintPostProcessor()(
            make_doc(ALL, [*selected, BOSTON_BAND], [*scores, math.nan])
        )
        assert entities(doc) == [NEW_YORK, BOSTON_BAND]
        assert doc.spans["entities"].attrs["scores"][0] == 0.9
        assert span_scores(doc.spans["entities"]) == [0.9, None]


def test_longest_keeps_the_longer_span_whatever_the_confidence():
    doc = make_doc(ALL, [NEW_YORK, NEW_YORK_CITY], scores=[0.9, 0.6])
    assert entities(ConstraintPostProcessor(overlap="longest")(doc)) == [NEW_YORK_CITY]


def test_longest_keeps_the_more_confident_of_equally_long_spans():
    doc = make_doc(ALL, [BOSTON_BAND, BOSTON_CITY], scores=[0.6, 0.9])
    assert entities(ConstraintPostProcessor(overlap="longest")(doc)) == [BOSTON_CITY]


def test_of_spans_that_are_equal_in_all_the_first_stays():
    candidates = [(0, 2, "SONG"), (1, 3, "SONG")]
    for policy in ("confident", "longest"):
        doc = make_doc(candidates, candidates[::-1], scores=[0.5, 0.5])
        assert entities(ConstraintPostProcessor(overlap=policy)(doc)) == [(0, 2, "SONG")]


def test_a_span_is_only_dropped_for_one_that_stays():
    chain = [(0, 2, "SONG"), (1, 4, "SONG"), (3, 5, "SONG")]
    doc = make_doc(chain, chain, scores=[0.7, 0.8, 0.9])
    assert entities(ConstraintPostProcessor()(doc)) == [(0, 2, "SONG"), (3, 5, "SONG")]
    assert violations(doc) == {"overlap": 1}


def test_allow_keeps_overlapping_entities_but_not_in_ents():
    doc = ConstraintPostProcessor(overlap="allow")(make_doc(ALL, ALL))
    assert entities(doc) == [NEW_YORK, NEW_YORK_CITY, BOSTON_BAND, BOSTON_CITY]
    assert ents(doc) == [NEW_YORK_CITY, BOSTON_BAND]
    assert violations(doc) == {}


def test_a_policy_that_does_not_exist_is_refused():
    with pytest.raises(CatalogNERError, match="overlap: expected one of allow, longest, confident"):
        ConstraintPostProcessor(overlap="shortest")


def test_confidences_stay_with_their_spans():
    selected = [BOSTON_BAND, (2, 4, "X"), NEW_YORK]
    scores = np.array([0.5, 0.75, 0.25], dtype="float32")  # as spancat writes them
    doc = ConstraintPostProcessor()(make_doc(ALL, selected, scores))
    assert entities(doc) == [NEW_YORK, BOSTON_BAND]
    assert doc.spans["entities"].attrs["scores"] == [0.25, 0.5]
    doc = ConstraintPostProcessor()(make_doc(ALL, selected))
    assert "scores" not in doc.spans["entities"].attrs


def test_a_span_without_an_id_takes_that_of_its_most_popular_candidate():
    candidates = [(*BOSTON_BAND, "band"), (*BOSTON_CITY, "city"), (*BOSTON_CITY, "less popular")]
    doc = ConstraintPostProcessor()(make_doc(candidates, [BOSTON_CITY]))
    assert [span.kb_id_ for span in doc.spans["entities"]] == ["city"]
    assert [ent.kb_id_ for ent in doc.ents] == ["city"]


def test_a_span_with_an_id_keeps_it():
    candidates = [(*BOSTON_BAND, "most popular"), (*BOSTON_BAND, "less popular")]
    doc = ConstraintPostProcessor()(make_doc(candidates, [(*BOSTON_BAND, "less popular")]))
    assert [span.kb_id_ for span in doc.spans["entities"]] == ["less popular"]


def test_other_keys_of_the_record_stay():
    doc = make_doc(ALL, [NEW_YORK])
    doc._.catalog_ner = {"candidates": 4, "tokens": 99}
    assert ConstraintPostProcessor()(doc)._.catalog_ner == {
        "candidates": 4,
        "tokens": 99,
        "violations": {},
    }


# Rules of a file


@pytest.fixture
def write_rules(tmp_path):
    def run(text: str) -> str:
        (tmp_path / "rules.yml").write_text(text, encoding="utf8")
        return str(tmp_path / "rules.yml")

    return run


def test_spans_that_break_a_rule_are_dropped_and_counted_by_rule(write_rules):
    rules = write_rules("labels: {CITY: {max_words: 1}, SONG: {min_confidence: 0.8}}")
    doc = make_doc(ALL, ALL, scores=[0.9, 0.7, 0.8, 0.6])
    doc = ConstraintPostProcessor(rules=rules)(doc)
    assert entities(doc) == [BOSTON_CITY]
    assert violations(doc) == {"overlap": 1, "rule": 2}
    assert doc._.catalog_ner["rules"] == {"CITY.max_words": 1, "SONG.min_confidence": 1}


def test_of_exclusive_labels_that_of_the_best_span_stays(write_rules):
    rules = write_rules("exclusive: [[CITY, ARTIST]]")
    doc = make_doc(ALL, [NEW_YORK, BOSTON_CITY, BOSTON_BAND], scores=[0.9, 0.6, 0.8])
    doc = ConstraintPostProcessor(rules=rules)(doc)
    assert entities(doc) == [NEW_YORK, BOSTON_CITY]
    assert violations(doc) == {"rule": 1}


def test_the_most_confident_spans_of_a_label_stay_where_there_are_too_many(write_rules):
    rules = write_rules("labels: {CITY: {max_per_text: 1}}")
    doc = make_doc(ALL, [NEW_YORK, BOSTON_CITY], scores=[0.6, 0.9])
    assert entities(ConstraintPostProcessor(rules=rules, overlap="allow")(doc)) == [BOSTON_CITY]


def test_a_broken_rules_file_is_told_at_first_use_with_file_and_key(write_rules):
    processor = ConstraintPostProcessor(rules=write_rules("labels: {CITY: {max_words: many}}"))
    with pytest.raises(CatalogNERError, match=r"rules\.yml: labels\.CITY\.max_words: Exp"):
        processor(make_doc(ALL, []))


@pytest.fixture
def rules_nlp(mini_catalog, write_rules):
    nlp = spacy.blank("en")
    nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    rules = write_rules("labels: {ARTIST: {forbid: [Adele]}}")
    nlp.add_pipe("constraint_post_processor", config={"source": "candidates", "rules": rules})
    return nlp


def test_a_saved_pipeline_brings_its_rules(rules_nlp, tmp_path):
    rules_nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "rules.yml").unlink()
    again = spacy.load(tmp_path / "pipeline")
    assert again.get_pipe("constraint_post_processor").source == "candidates"
    assert [ent.text for ent in again("hello adele").ents] == ["hello"]


def test_bytes_bring_the_rules(rules_nlp, tmp_path):
    data = rules_nlp.to_bytes()
    (tmp_path / "rules.yml").unlink()
    rules_nlp.from_bytes(data)
    copy = spacy.blank("en")
    copy.add_pipe("catalog_matcher")
    copy.add_pipe("constraint_post_processor", config={"source": "candidates"})
    copy.from_bytes(data)
    assert [ent.text for ent in copy("hello adele").ents] == ["hello"]


def test_rules_hold_in_two_processes(rules_nlp):
    docs = rules_nlp.pipe(["hello adele"] * 4, n_process=2, batch_size=2)
    assert [[ent.text for ent in doc.ents] for doc in docs] == [["hello"]] * 4


# In a pipeline


def test_a_missing_source_says_what_to_do():
    with pytest.raises(CatalogNERError, match=r'found no doc\.spans\["selected"\]') as error:
        ConstraintPostProcessor()(NLP.make_doc("play hello"))
    assert 'source = "candidates"' in str(error.value)


def test_every_candidate_is_accepted_with_candidates_as_source(mini_matcher_nlp):
    doc = mini_matcher_nlp("Hello by The Weeknd")
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents] == [
        ("Hello", "SONG", "song/hello"),
        ("The Weeknd", "ARTIST", "artist/weeknd"),
    ]
    assert doc._.catalog_ner == {"candidates": 3, "violations": {"overlap": 1}}


LABEL = st.sampled_from(["SONG", "CITY", "ARTIST"])
SPAN = st.tuples(st.integers(0, 5), st.integers(1, 3), LABEL).map(
    lambda item: (item[0], min(item[0] + item[1], len(WORDS)), item[2])
)


@settings(max_examples=100, deadline=None)
@given(
    candidates=st.lists(SPAN, max_size=8),
    selected=st.lists(st.tuples(SPAN, st.floats(0, 1)), max_size=8),
    overlap=st.sampled_from(["allow", "longest", "confident"]),
)
def test_whatever_is_selected_entities_are_candidates_and_every_span_is_accounted_for(
    candidates, selected, overlap
):
    doc = make_doc(candidates, [span for span, _ in selected], [score for _, score in selected])
    doc = ConstraintPostProcessor(overlap=overlap)(doc)
    assert set(entities(doc)) <= set(candidates) & {span for span, _ in selected}
    assert len(entities(doc)) + sum(violations(doc).values()) == len(selected)
    assert len(doc.spans["entities"].attrs.get("scores", [])) == len(entities(doc))
    tokens = [i for start, end, _ in ents(doc) for i in range(start, end)]
    assert len(tokens) == len(set(tokens))
    assert set(ents(doc)) <= set(entities(doc))
    if overlap != "allow":
        assert ents(doc) == entities(doc)


def test_two_processes_give_what_one_gives(mini_matcher_nlp):
    stream = ["Hello by The Weeknd", "nobody"] * 2
    one, two = (
        [(ents(doc), doc._.catalog_ner) for doc in mini_matcher_nlp.pipe(stream, n_process=n)]
        for n in (1, 2)
    )
    assert one == two


def test_spans_scores_and_record_survive_a_doc_bin():
    candidates = [(*NEW_YORK, "geo/1"), (*BOSTON_BAND, "artist/boston")]
    doc = make_doc(candidates, [NEW_YORK, BOSTON_BAND, (0, 1, "X")], scores=[0.75, 0.5, 0.25])
    data = DocBin(store_user_data=True)
    data.add(ConstraintPostProcessor()(doc))
    (again,) = DocBin().from_bytes(data.to_bytes()).get_docs(spacy.blank("en").vocab)
    for key in ("candidates", "selected", "entities"):
        assert list(map(str, again.spans[key])) == list(map(str, doc.spans[key]))
        assert again.spans[key].attrs == doc.spans[key].attrs
    assert [span.kb_id_ for span in again.spans["entities"]] == ["geo/1", "artist/boston"]
    assert [(ent.text, ent.label_, ent.kb_id_) for ent in again.ents] == [
        ("new york", "CITY", "geo/1"),
        ("boston", "ARTIST", "artist/boston"),
    ]
    assert again._.catalog_ner == {
        "violations": {"out_of_catalog": 1},
        # A DocBin makes tuples of lists.
        "proposals": ({"text": "play", "label": "X", "start": 0, "end": 4},),
    }


def test_evaluation_scores_the_entities_and_ents(mini_matcher_nlp):
    gold = {"entities": [(0, 5, "SONG"), (9, 15, "ARTIST")]}
    example = Example.from_dict(mini_matcher_nlp.make_doc("Hello by Drakes"), gold)
    scores = mini_matcher_nlp.evaluate([example])
    assert scores["spans_entities_p"] == pytest.approx(1)
    assert scores["spans_entities_r"] == pytest.approx(1 / 2)
    assert scores["ents_f"] == pytest.approx(2 / 3)
