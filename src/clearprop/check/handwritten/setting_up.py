"""The methods that an object needs called before its forward: ``build(input_shape)``."""

from __future__ import annotations

import inspect
import re
from typing import Any

from clearprop.check.handwritten.driving import Parameter, arguments_of
from clearprop.check.handwritten.source import Source

_SETS_UP = re.compile(
    r"^_?(build|set_?up|initiali[sz]e\w*|init\w*|compile|configure|allocate|prepare|connect"
    r"|set_(input_?)?(shape|size|dims?)|(make|create|reset)_(params|parameters|weights)\w*)$"
)


def methods_before(cls: Any, forward_name: str, source: Source) -> dict[str, list[Parameter]]:
    """Give the methods that must be called before forward, with their arguments.

    They set what forward reads and the constructor leaves out, or sets to None; and neither of
    the two calls them.
    """
    forward, init = getattr(cls, forward_name), getattr(cls, "__init__", None)
    called = source.text(forward) + source.text(init)
    settled = source.set_of_self(init) - set(
        re.findall(r"self\.(\w+)(?:: [^=]+)? = None\b", source.text(init))
    )
    lacking = set(source.read_of_self(forward)) - settled
    methods: dict[str, Any] = {}
    for base in cls.__mro__[:-1]:
        named = {name: found for name, found in vars(base).items() if _SETS_UP.match(name)}
        methods = {n: found for n, found in named.items() if inspect.isfunction(found)} | methods
    found = {}
    for name, method in methods.items():
        text = source.text(method)
        called += text.replace(f"super().{name}(", "")
        inner = [other for n, other in methods.items() if f"self.{n}(" in text]
        if lacking & {n for each in [method, *inner] for n in source.set_of_self(each)}:
            found[name] = arguments_of(method, 1)
    return {name: taken for name, taken in found.items() if f"self.{name}(" not in called}
