"""A student that is faster on a CPU: with 8-bit weights, or run by ONNX Runtime."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from thinc.api import Model

from spacy_catalog_ner.errors import CatalogNERError, MissingExtraError
from spacy_catalog_ner.io.per_process import PerProcess

if TYPE_CHECKING:
    from spacy_transformers.layers.transformer_model import TransformerModel

_OPSET = 17  # of ONNX: the first with layer normalisation

Read = Callable[..., Any]
"""Takes and gives what the transformers library's model takes and gives."""


def quantize(nlp: Language) -> Language:
    """Turn the linear layers of a student's transformer into 8-bit ones, in place.

    Their weights are rounded once, and their inputs each time (dynamic quantisation). Call it
    after loading; the pipeline can then be neither trained nor saved.

    Parameters
    ----------
    nlp
        A student with a transformer: ``quantize(spacy.load("en_media_student"))``.

    Returns
    -------
    spacy.language.Language
        The same pipeline.

    Raises
    ------
    MissingExtraError
        If the extra ``transformers`` is not installed.
    CatalogNERError
        If there is no transformer in the pipeline, or not on the CPU.
    """
    return _replace_transformers(nlp, _quantize_layer, "A student's transformer", "transformers")


def to_onnx(nlp: Language, *, int8: bool = False, threads: int | None = None) -> Language:
    """Let ONNX Runtime run a student's transformer, in place.

    Call it after loading. It takes about a second; the pipeline can then be neither trained nor
    saved.

    Parameters
    ----------
    nlp
        A student with a transformer: ``to_onnx(spacy.load("en_media_student"))``.
    int8
        Round the weights to 8 bits: faster still, at a small cost in F1.
    threads
        Threads that a batch is spread over; None for as many as PyTorch uses.

    Returns
    -------
    spacy.language.Language
        The same pipeline.

    Raises
    ------
    MissingExtraError
        If the extra ``onnx`` is not installed.
    CatalogNERError
        If there is no transformer in the pipeline, or not on the CPU.
    """
    if threads is not None and threads < 1:
        raise CatalogNERError(f"threads: expected a whole number of at least 1, got {threads}")
    make = partial(_make_session, int8=int8, threads=threads)
    # onnx exports, onnxruntime runs
    return _replace_transformers(nlp, make, "ONNX Runtime", "onnx", ("onnx", "onnxruntime"))


def _replace_transformers(
    nlp: Language,
    make: Callable[[TransformerModel], Read],
    feature: str,
    extra: str,
    packages: tuple[str, ...] = (),
) -> Language:
    """Replace every transformer by what `make` makes of its layer.

    The `feature` needs an `extra`, and `packages` besides PyTorch and spacy-transformers.
    """
    try:
        for package in ("torch", *packages):
            import_module(package)
        from spacy_transformers.layers.transformer_model import TransformerModel

        from spacy_catalog_ner.student.speed.inference_only import InferenceOnly
    except ImportError:
        raise MissingExtraError(feature, extra) from None
    layers = [
        layer
        for _, component in nlp.components
        if isinstance(model := getattr(component, "model", None), Model)
        for layer in model.walk()
        if isinstance(layer, TransformerModel)
    ]
    if not layers:
        names = ", ".join(nlp.component_names) or "none"
        raise CatalogNERError(f"this pipeline has no transformer; its components are: {names}")
    for layer in layers:
        if layer.transformer is None:
            raise CatalogNERError("the transformer of this pipeline has no weights: train it first")
        if isinstance(layer.transformer, InferenceOnly):
            raise CatalogNERError("this pipeline was made faster already: load it anew")
        if layer.transformer.device.type != "cpu":
            raise CatalogNERError("this makes a student faster on the CPU: load it without a GPU")
    for layer in layers:
        (shim,) = layer.layers[0].shims
        layer.transformer.eval()
        replacement = InferenceOnly(make(layer), layer.transformer.config)
        shim._model = shim._hfmodel.transformer = replacement
    return nlp


def _quantize_layer(layer: Any) -> Read:
    import torch

    try:
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic
    except ImportError:
        raise CatalogNERError(
            f"PyTorch {torch.__version__} can no longer quantise in this way; to_onnx(nlp,"
            " int8=True) does the same with ONNX Runtime"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that later releases may lack it, see above
        small: Read = quantize_dynamic(
            layer.transformer, {torch.nn.Linear: per_channel_dynamic_qconfig}
        )
    return small


def _make_session(layer: Any, int8: bool, threads: int | None) -> Read:
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    data = _export(layer)
    if int8:
        data = _round_onnx(data)
    count = torch.get_num_threads() if threads is None else threads
    session = PerProcess(partial(_open, data, count))  # its threads do not survive a fork

    def read(**inputs: torch.Tensor) -> BaseModelOutput:
        arrays = {name: tensor.long().numpy() for name, tensor in inputs.items()}
        (hidden,) = session.get().run(None, arrays)
        return BaseModelOutput(last_hidden_state=torch.from_numpy(hidden))

    return read


def _export(layer: Any) -> bytes:
    """Write the transformer of spaCy's layer in ONNX's format."""
    import torch

    # Two texts of different length, so that there is padding to be traced
    sample = layer.tokenizer(["a", "two words"], padding=True, return_tensors="pt")
    names = [*sample, "last_hidden_state"]

    class LastHiddenState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = layer.transformer

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            outputs = self.transformer(**dict(zip(names, inputs, strict=False)))
            hidden: torch.Tensor = outputs.last_hidden_state
            return hidden

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constants in the trace, and of a future default
        torch.onnx.export(
            LastHiddenState().eval(),
            tuple(sample.values()),
            file,
            input_names=names[:-1],
            output_names=names[-1:],
            dynamic_axes={name: {0: "texts", 1: "pieces"} for name in names},
            opset_version=_OPSET,
            dynamo=False,  # the other exporter needs more packages and ten times as long
        )
    return file.getvalue()


def _round_onnx(data: bytes) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as name:
        large, small = Path(name) / "large.onnx", Path(name) / "small.onnx"
        large.write_bytes(data)
        root = logging.getLogger()
        root.addFilter(_is_not_of_onnxruntime)  # it advises to simplify the model before
        try:
            quantize_dynamic(
                large,
                small,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
        finally:
            root.removeFilter(_is_not_of_onnxruntime)
        return small.read_bytes()


def _is_not_of_onnxruntime(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING or "onnxruntime" not in record.pathname


def _open(data: bytes, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
