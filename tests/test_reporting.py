"""What Markdown and HTML reports share."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from spacy_catalog_ner.reporting.markdown import markdown_table

UNESCAPED_BAR = re.compile(r"(?<!\\)(?:\\\\)*\|")


@given(names=st.lists(st.text("a|\\\n*<", max_size=6), min_size=1, max_size=4))
def test_no_name_breaks_a_table(names):
    lines = markdown_table(names, [names, range(len(names))], text_columns=[])
    assert len(lines) == 4
    assert all(len(UNESCAPED_BAR.findall(line)) == len(names) + 1 for line in lines)
    assert not any("\n" in line or "<" in line for line in lines)
