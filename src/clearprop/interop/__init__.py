"""Networks for others, and from others: NumPy alone, safetensors, PyTorch's layout, ONNX."""

from __future__ import annotations

from clearprop.interop.standalone import to_numpy as to_numpy
