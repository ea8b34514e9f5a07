"""Named-entity recognition grounded in the catalogs a team already owns.

The components are registered through entry points, so ``nlp.add_pipe("catalog_matcher")`` works
without importing this package. What it offers in code is imported from here, each name with its
dependencies when it is first used:

- catalogs: `Entry`, `read_entries`, `compile_catalog`, `Catalog`, `Variants`, `NoiseControls`,
  `measure_coverage`, `find_shared_names`, `find_noisy_names`, and the component `CatalogMatcher`;
- annotated text: `Row`, `RowSpan`, `read_annotated`, `read_texts`, `convert_files`;
- exemplars: `Exemplar`, `Candidate`, `ExemplarStore`, `read_exemplars`, `GGUFEmbedder`,
  `SentenceTransformerEmbedder`;
- confidences: `calibrate`;
- labelling: `label_file`, `label_rows`, `estimate_run`;
- evaluation: `evaluate_rows`, `align_rows`, `compare`, `compare_systems`, `attribute`;
- serving a student: `quantize`, `to_onnx`;
- conversational traffic: `ConversationDetector`;
- errors: `CatalogNERError`, `MissingExtraError`, `LabellingStoppedError`, and `Problems`, which
  collects what is wrong with single rows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spacy_catalog_ner.about import __version__ as __version__

if TYPE_CHECKING:  # the same names as in _MODULES, for type checkers and editors
    from spacy_catalog_ner.calibration.calibrate import calibrate as calibrate
    from spacy_catalog_ner.catalog import Catalog as Catalog
    from spacy_catalog_ner.catalog import Entry as Entry
    from spacy_catalog_ner.catalog import NoiseControls as NoiseControls
    from spacy_catalog_ner.catalog import Variants as Variants
    from spacy_catalog_ner.catalog import compile_catalog as compile_catalog
    from spacy_catalog_ner.catalog import read_entries as read_entries
    from spacy_catalog_ner.errors import CatalogNERError as CatalogNERError
    from spacy_catalog_ner.errors import MissingExtraError as MissingExtraError
    from spacy_catalog_ner.errors import Problems as Problems
    from spacy_catalog_ner.evaluation import align_rows as align_rows
    from spacy_catalog_ner.evaluation import compare as compare
    from spacy_catalog_ner.evaluation import compare_systems as compare_systems
    from spacy_catalog_ner.evaluation import evaluate_rows as evaluate_rows
    from spacy_catalog_ner.evaluation.stages import attribute as attribute
    from spacy_catalog_ner.exemplars import Candidate as Candidate
    from spacy_catalog_ner.exemplars import Exemplar as Exemplar
    from spacy_catalog_ner.exemplars import ExemplarStore as ExemplarStore
    from spacy_catalog_ner.exemplars import GGUFEmbedder as GGUFEmbedder
    from spacy_catalog_ner.exemplars import (
        SentenceTransformerEmbedder as SentenceTransformerEmbedder,
    )
    from spacy_catalog_ner.exemplars.reading import read_exemplars as read_exemplars
    from spacy_catalog_ner.formats.conversion import convert_files as convert_files
    from spacy_catalog_ner.generation.traffic.detection import (
        ConversationDetector as ConversationDetector,
    )
    from spacy_catalog_ner.io.annotated import read_annotated as read_annotated
    from spacy_catalog_ner.io.annotated import read_texts as read_texts
    from spacy_catalog_ner.io.row import Row as Row
    from spacy_catalog_ner.io.row import RowSpan as RowSpan
    from spacy_catalog_ner.labelling import LabellingStoppedError as LabellingStoppedError
    from spacy_catalog_ner.labelling import estimate_run as estimate_run
    from spacy_catalog_ner.labelling import label_file as label_file
    from spacy_catalog_ner.labelling import label_rows as label_rows
    from spacy_catalog_ner.matching.ambiguity import find_noisy_names as find_noisy_names
    from spacy_catalog_ner.matching.ambiguity import find_shared_names as find_shared_names
    from spacy_catalog_ner.matching.catalog_matcher import CatalogMatcher as CatalogMatcher
    from spacy_catalog_ner.matching.coverage import measure_coverage as measure_coverage
    from spacy_catalog_ner.student.speed.onnx_runtime import to_onnx as to_onnx
    from spacy_catalog_ner.student.speed.quantization import quantize as quantize

_MODULES = {
    "calibration.calibrate": "calibrate",
    "catalog": "Catalog Entry NoiseControls Variants compile_catalog read_entries",
    "errors": "CatalogNERError MissingExtraError Problems",
    "evaluation": "align_rows compare compare_systems evaluate_rows",
    "evaluation.stages": "attribute",
    "exemplars": "Candidate Exemplar ExemplarStore GGUFEmbedder SentenceTransformerEmbedder",
    "exemplars.reading": "read_exemplars",
    "formats.conversion": "convert_files",
    "generation.traffic.detection": "ConversationDetector",
    "io.annotated": "read_annotated read_texts",
    "io.row": "Row RowSpan",
    "labelling": "LabellingStoppedError estimate_run label_file label_rows",
    "matching.ambiguity": "find_noisy_names find_shared_names",
    "matching.catalog_matcher": "CatalogMatcher",
    "matching.coverage": "measure_coverage",
    "student.speed.onnx_runtime": "to_onnx",
    "student.speed.quantization": "quantize",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = ["__version__"]
__all__ += sorted(_HOMES)

if not TYPE_CHECKING:  # so that a type checker reports names that do not exist

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
