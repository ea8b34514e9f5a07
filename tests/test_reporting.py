"""What Markdown and HTML reports share."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.evaluation.systems_table import render_markdown
from spacy_catalog_ner.reporting.markdown import markdown_table

UNESCAPED_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")


@given(names=st.lists(st.text("a|\\\n*<", max_size=6), min_size=1, max_size=4))
def test_no_name_breaks_a_table(names):
    lines = markdown_table(names, [names, range(len(names))], text_columns=[])
    assert len(lines) == 4
    assert all(len(UNESCAPED_BAR.findall(line)) == len(names) + 1 for line in lines)
    assert not any("\n" in line or "<" in line for line in lines)


def test_names_of_systems_and_labels_do_not_break_their_table():
    score = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "tp": 1, "fn": 0}
    result = {
        "texts": 1,
        "micro": score,
        "macro_f1": 1.0,
        "candidate_recall": None,
        "per_label": {"A|B": score},
    }
    text = render_markdown("a_b", {}, {"x|y": result})
    assert r"| x\|y | 1.000 | 1.000 | 1.000 | 1.000 |  |" in text
    assert r"| label | gold | x\|y |" in text and r"| A\|B | 1 | 1.000 |" in text
