"""Faster inference: 8-bit weights and ONNX Runtime."""
