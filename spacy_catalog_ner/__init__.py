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

import lazy_loader

from spacy_catalog_ner.about import __version__ as __version__

# The names are those of __init__.pyi
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
