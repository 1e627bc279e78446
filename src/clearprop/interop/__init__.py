"""Networks for others, and from others: NumPy alone, safetensors, PyTorch's layout, ONNX."""

from __future__ import annotations

from clearprop.interop.standalone import to_numpy as to_numpy
from clearprop.interop.tensors import load_safetensors as load_safetensors
from clearprop.interop.tensors import save_safetensors as save_safetensors
