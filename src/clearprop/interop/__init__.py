"""Networks for others, and from others: NumPy alone, safetensors, PyTorch's layout, ONNX."""

from __future__ import annotations

from clearprop.interop.onnx_graph import OnnxGraph as OnnxGraph
from clearprop.interop.onnx_graph import converter as converter
from clearprop.interop.onnx_model import to_onnx as to_onnx
from clearprop.interop.standalone import to_numpy as to_numpy
from clearprop.interop.tensors import load_safetensors as load_safetensors
from clearprop.interop.tensors import save_safetensors as save_safetensors
