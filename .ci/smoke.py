"""Checks an installed wheel from another folder: all files are there, and a name is found.

python smoke.py CHECKOUT compiled|plain
"""

import subprocess
import sys
from pathlib import Path

import spacy

import spacy_catalog_ner
from spacy_catalog_ner.matching import catalog_matcher

checkout, finder = Path(sys.argv[1]).resolve(), sys.argv[2]
package = Path(spacy_catalog_ner.__file__).parent
assert not package.is_relative_to(checkout), package
names = subprocess.check_output(["git", "-C", checkout, "ls-files", "spacy_catalog_ner"], text=True)
files = {Path(name) for name in names.splitlines() if not name.endswith(".pyx")}
missing = sorted(str(name) for name in files if not (package.parent / name).exists())
assert not missing, f"not in the wheel: {missing}"
is_compiled = catalog_matcher.SpanFinder.__module__.endswith("._span_finder")
assert is_compiled == (finder == "compiled"), catalog_matcher.SpanFinder.__module__
nlp = spacy.blank("en")
nlp.add_pipe("catalog_matcher").add_entries([{"text": "The Weeknd", "label": "ARTIST"}])
doc = nlp("play the weeknd")
found = [(span.text, span.label_) for span in doc.spans["candidates"]]
assert found == [("the weeknd", "ARTIST")], found
