"""PyTorch, imported when the truth is first asked for: running the checker does not need it."""

from __future__ import annotations

import importlib
from typing import Any


class Lazily:
    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module), name)


torch = Lazily("torch")
F = Lazily("torch.nn.functional")
