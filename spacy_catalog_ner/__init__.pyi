"""The names that `spacy_catalog_ner` offers, for type checkers and for its lazy imports."""

from .calibration.calibrate import calibrate as calibrate
from .catalog import Catalog as Catalog
from .catalog import Entry as Entry
from .catalog import NoiseControls as NoiseControls
from .catalog import Variants as Variants
from .catalog import compile_catalog as compile_catalog
from .catalog import read_entries as read_entries
from .errors import CatalogNERError as CatalogNERError
from .errors import MissingExtraError as MissingExtraError
from .errors import Problems as Problems
from .evaluation import align_rows as align_rows
from .evaluation import compare as compare
from .evaluation import compare_systems as compare_systems
from .evaluation import evaluate_rows as evaluate_rows
from .evaluation.stages import attribute as attribute
from .exemplars import Candidate as Candidate
from .exemplars import Exemplar as Exemplar
from .exemplars import ExemplarStore as ExemplarStore
from .exemplars import GGUFEmbedder as GGUFEmbedder
from .exemplars import SentenceTransformerEmbedder as SentenceTransformerEmbedder
from .exemplars.reading import read_exemplars as read_exemplars
from .formats.conversion import convert_files as convert_files
from .generation.traffic.detection import ConversationDetector as ConversationDetector
from .io.annotated import read_annotated as read_annotated
from .io.annotated import read_texts as read_texts
from .io.row import Row as Row
from .io.row import RowSpan as RowSpan
from .labelling import LabellingStoppedError as LabellingStoppedError
from .labelling import estimate_run as estimate_run
from .labelling import label_file as label_file
from .labelling import label_rows as label_rows
from .matching.ambiguity import find_noisy_names as find_noisy_names
from .matching.ambiguity import find_shared_names as find_shared_names
from .matching.catalog_matcher import CatalogMatcher as CatalogMatcher
from .matching.coverage import measure_coverage as measure_coverage
from .student.speed.faster import quantize as quantize
from .student.speed.faster import to_onnx as to_onnx

__version__: str
