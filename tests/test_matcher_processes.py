"""`catalog_matcher` in several processes, forked and spawned."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from matching import EXPECTED, blank, candidates, name
from spacy.language import Language


@pytest.fixture
def nlp(mini_catalog) -> Language:
    nlp = blank()
    matcher = nlp.add_pipe("catalog_matcher", config={"catalog": str(mini_catalog)})
    matcher.add_entries([name("Arrival", "MOVIE")])
    matcher.remove_entries([{"text": "Dune"}])
    return nlp


def test_two_forked_processes_find_what_one_finds(nlp):
    stream = ["Hello Boston", "watch arrival", "nobody", "", "Dune"] * 3
    one = [candidates(doc) for doc in nlp.pipe(stream)]
    docs = list(nlp.pipe(stream, n_process=2, batch_size=2))
    assert [candidates(doc) for doc in docs] == one
    assert one[0] == EXPECTED
    assert docs[0]._.catalog_ner == {"candidates": 3}


SPAWN = """
import json, multiprocessing, sys
import spacy

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    nlp = spacy.load(sys.argv[1])
    docs = nlp.pipe(["Hello Boston", "watch arrival", "Dune"], n_process=2, batch_size=1)
    print(json.dumps([
        [(s.text, s.label_, s.kb_id_) for s in doc.spans["candidates"]] for doc in docs
    ]))
"""


def test_two_spawned_processes_find_what_one_finds(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    script = tmp_path / "script.py"
    script.write_text(SPAWN)
    result = subprocess.run(
        [sys.executable, script, tmp_path / "pipeline"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    boston, arrival = [list(item) for item in EXPECTED], [["arrival", "MOVIE", ""]]
    assert json.loads(result.stdout) == [boston, arrival, []]
