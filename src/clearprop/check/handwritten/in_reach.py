"""Which code a candidate may run, as far as names lead, and the text of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.sources import function_of

_NO_CODE = (lambda: None).__code__


def functions_of(driver: Driver) -> list[Any]:
    """Give forward, the constructor and what forward calls, as far as names lead."""
    candidate = driver.candidate
    if candidate.style in ("layer", "network"):
        names = [driver.forward_name, "__init__"]
        found = [getattr(candidate.backward, n, None) for n in names]
    else:
        found = [candidate.forward or candidate.backward]
    found = [f for f in found if hasattr(f, "__code__")]
    called: list[Any] = []
    for function in [*found[:1], called]:
        for each in function if isinstance(function, list) else [function]:
            code = getattr(function_of(each), "__code__", _NO_CODE)
            called += [
                f
                for name in code.co_names
                if hasattr(f := candidate.namespace.get(name), "__code__") and f not in called
            ]
    return found + called


def _names_in(code: Any) -> list[str]:
    """Give the names that a function reads, and the functions inside it."""
    inner = [name for c in code.co_consts if hasattr(c, "co_names") for name in _names_in(c)]
    return [*code.co_names, *inner]


def text_in_reach(driver: Driver) -> str:
    """Give the text of all that forward and backward may run, as far as names lead."""
    queue = [*functions_of(driver), driver.backward_function]
    seen: list[Any] = []
    constants: list[str] = []
    for function in queue:
        code = getattr(function_of(function), "__code__", None)
        if code is None or code in seen:
            continue
        seen.append(code)
        for name in _names_in(code):
            found = driver.candidate.namespace.get(name)
            if isinstance(found, float) and 0 < found < 1e-3:
                constants.append(f"{name} = {found!r}")
            elif found is np.float32 or found is np.float16:
                constants.append(f"{name} = np.{found.__name__}")
            elif isinstance(found, type):
                queue += [f for f in vars(found).values() if hasattr(f, "__code__")]
            elif hasattr(found, "__code__"):
                queue.append(found)
    return "\n".join([*(driver.source.text(function) for function in queue), *constants])
