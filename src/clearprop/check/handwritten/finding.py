"""What in a file has a backward pass: the candidates, and all that stands beside them."""

from __future__ import annotations

import difflib
import re
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clearprop.check.handwritten.bodies import parameters
from clearprop.check.handwritten.classes import candidate_of_class
from clearprop.check.handwritten.engines import engine_of
from clearprop.check.handwritten.loading import Definition, Failure, Loaded
from clearprop.check.handwritten.model import Candidate, Place
from clearprop.check.handwritten.naming import (
    BACKWARD_METHODS,
    FORWARD_METHODS,
    backward_stem,
    squash,
)
from clearprop.check.handwritten.options import plain_name
from clearprop.check.handwritten.pairing import candidates_of_functions
from clearprop.check.handwritten.placeholders import Placeholder
from clearprop.check.handwritten.reading import Block
from clearprop.check.handwritten.training import (
    candidate_of_trained_class,
    step_in_function,
    steps_of_scripts,
)
from clearprop.errors import UnknownNameError

#: Headings that say nothing of what stands below them.
_GENERIC = {
    *("implementation", "code", "backward", "forward", "backwardpass", "forwardpass", "python"),
    *("derivative", "solution", "example", "backpropagation", "backprop", "gradient", "实现"),
    *("代码", "反向传播", "前向传播", "正向传播", "python实现", "代码实现"),
}


def find(blocks: list[Block], loaded: Loaded) -> tuple[list[Candidate], dict[str, Place]]:
    """Find all that has a backward in a file that was read and loaded.

    Returns
    -------
    candidates : list of Candidate
        In the order of the file. Where a name is there twice, each says its line.
    bystanders : dict of str to Place
        The functions and classes without a backward.

    Examples
    --------
    >>> import ast
    >>> from clearprop.check.handwritten.loading import load
    >>> text = '''
    ... def cube(x): return x ** 3
    ... def cube_prime(x): return 3 * x ** 2
    ... def show(x): print(x)
    ... '''
    >>> blocks = [Block("a.py", 1, text, tree=ast.parse(text))]
    >>> [candidate], bystanders = find(blocks, load(blocks))
    >>> candidate.name, candidate.style, candidate.place.line, list(bystanders)
    ('cube_prime', 'derivative', 3, ['show'])
    """
    order = {file: number for number, file in enumerate(dict.fromkeys(b.file for b in blocks))}
    found, bystanders = candidates_of(list(loaded.definitions), loaded.namespace)
    registered = _registered(loaded)
    for candidate in registered:
        bystanders.pop(candidate.name, None)
    rules = [rule for candidate in registered for rule in _rules_of(candidate)]
    found = [each for each in found if not any(each.backward is rule for rule in rules)]
    found += registered
    found += steps_of_scripts(blocks, loaded)
    found += [made for failure in loaded.failures if (made := _of_failure(failure))]
    found.sort(key=lambda each: (order.get(each.place.file, len(order)), each.place.line))
    return _told_apart(found), bystanders


def candidates_of(
    definitions: list[Definition], namespace: dict[str, Any]
) -> tuple[list[Candidate], dict[str, Place]]:
    """Give the candidates among some definitions, and the others by name."""
    classes = [each for each in definitions if isinstance(each.object, type)]
    functions = [each for each in definitions if not isinstance(each.object, type)]
    bare = [each for each in functions if next(iter(_all_parameters(each)), "") == "self"]
    functions = [each for each in functions if each not in bare]
    found: list[Candidate] = []
    others: list[Definition] = []
    for each in classes:
        kinds = [c.object for c in classes if c.object is not each.object]
        below = tuple(kind for kind in kinds if each.object in kind.__mro__)
        values = engine_of(each.object, each.name, each.place, namespace)
        found += values
        if values:
            continue
        made = candidate_of_trained_class(each.object, each.name, each.place, namespace)
        made = made or candidate_of_class(
            each.object, each.name, each.place, each.headings, namespace, below
        )
        if made is None:
            others.append(each)
        else:
            found.append(made)
    joined, left = _join_methods(bare, namespace)
    paired, used = candidates_of_functions(functions, namespace)
    free = [each for each in functions if id(each.object) not in used]
    trained = {
        each.name: step_in_function(each.object, each.name, each.place, namespace) for each in free
    }
    joined += [made for made in trained.values() if made is not None]
    others += left + [each for each in free if trained[each.name] is None]
    bystanders: dict[str, Place] = {}
    for each in sorted(others, key=definitions.index):
        name = each.name if each.name not in bystanders else f"{each.name} ({_line(each.place)})"
        bystanders[name] = each.place
    return [*found, *joined, *paired], bystanders


def select(candidates: list[Candidate], name: str) -> list[Candidate]:
    """Give the candidates that a name means, as in ``FILE:NAME``.

    All of a name that is there twice; without an exact match, one that is spelled otherwise
    (``dense_layer`` for ``Dense Layer``), or whose forward has that name.

    Raises
    ------
    UnknownNameError
        If there is none; it lists those there are.

    Examples
    --------
    >>> select([Candidate("Dense Layer", "layer", Place("a.md", 3))], "denselayer")[0].name
    'Dense Layer'
    """
    tests: tuple[Callable[[Candidate], bool], ...] = (
        lambda each: each.name == name,
        lambda each: plain_name(each.name) == name,
        lambda each: squash(each.name) == squash(name),
        lambda each: getattr(each.forward, "__name__", "") == name,
        lambda each: squash((backward_stem(each.name) or ("",))[0]) == squash(name),
    )
    for test in tests:
        found = [each for each in candidates if test(each)]
        if found:
            return found
    names = [each.name for each in candidates]
    near = difflib.get_close_matches(name, names, 1, 0.4)
    raise UnknownNameError(
        f"Nothing with a backward pass is called {name!r}.",
        why=f"There {'are' if names else 'is'}: {', '.join(names) or 'none'}.",
        write=near[0] if near else None,
    )


# ---- methods that stand outside a class --------------------------------------------------------


def _join_methods(
    bare: list[Definition], namespace: dict[str, Any]
) -> tuple[list[Candidate], list[Definition]]:
    """Make a class of the ``def forward(self, …)`` and ``def backward(self, …)`` of a heading."""
    groups: list[list[Definition]] = []
    for each in bare:
        last = groups[-1] if groups else []
        names = {member.name for member in last}
        begins = each.name in names or (each.name in FORWARD_METHODS and names - {"__init__"})
        if last and _title(last[0]) == _title(each) and not begins:
            last.append(each)
        else:
            groups.append([each])
    found, left = [], []
    for group in groups:
        backward = next((each for each in group if each.name in BACKWARD_METHODS), None)
        if backward is None:
            left += group
            continue
        name = _title(backward) or backward.name
        members = {each.name: each.object for each in group}
        kind = type(name, (), {**members, "__module__": backward.object.__module__})
        headings = tuple(backward.headings)
        made = candidate_of_class(kind, name, backward.place, headings, namespace)
        if made is not None:
            found.append(made)
        else:
            left += group
    return found, left


def _title(definition: Definition) -> str:
    """Give the nearest heading that says something, without its number."""
    for heading in definition.headings:
        text = re.sub(r"[*`_]", "", heading).strip()
        text = re.sub(r"^([\d.]+|[一二三四五六七八九十]+|[ivxIVX]+|[a-zA-Z])[.、):]\s*", "", text)
        text = re.sub(r"^[\d.]+\s+", "", text).strip(" :")
        if text and squash(text) not in _GENERIC:
            return text
    return ""


# ---- what could not be loaded ------------------------------------------------------------------


def _of_failure(failure: Failure) -> Candidate | None:
    """Give a candidate for a definition that is not there, if it looks as if it had a backward."""
    source = failure.source
    backward = re.search(rf"def\s+({'|'.join(BACKWARD_METHODS)})\s*\(\s*(\w+)", source)
    is_class = re.search(r"^\s*class\s", source, re.MULTILINE) is not None
    if is_class and backward:
        style = "torch" if backward[2] == "ctx" else "layer"
    elif not is_class and (backward_stem(failure.name) or _registers_there(failure)):
        style = "layer" if backward and backward[2] == "self" else "pair"
    else:
        return None
    return Candidate(failure.name, style, failure.place, problem=failure.reason)


def _registers_there(failure: Failure) -> bool:
    return "defvjp" in failure.source


def _registered(loaded: Loaded) -> list[Candidate]:
    """Give the functions that HIPS autograd was told a derivative of."""
    found = []
    reasons = {failure.name: failure.reason for failure in loaded.failures}
    for name, place in loaded.registered:
        value = loaded.namespace.get(name)
        problem = ""
        if value is None or isinstance(value, Placeholder):
            problem = reasons.get(name, f"{name} is not defined")
        held = None if problem else value
        found.append(Candidate(name, "autograd", place, held, held, "", loaded.namespace, problem))
    return found


def _rules_of(candidate: Candidate) -> list[Any]:
    """Give the functions that are rules of a primitive, and so no candidates themselves."""
    if candidate.problem:
        return []
    from clearprop.check.handwritten.autograd_rules import rules_of

    return [rule for _, rule in rules_of(candidate.backward)]


def _told_apart(found: list[Candidate]) -> list[Candidate]:
    """Add the line to names that are there twice."""
    counts = Counter(each.name for each in found)
    return [
        replace(each, name=f"{each.name} ({_line(each.place)})") if counts[each.name] > 1 else each
        for each in found
    ]


def _line(place: Place) -> str:
    cell = re.search(r" (cell \d+)$", place.file)
    return f"{cell[1]}, line {place.line}" if cell else f"line {place.line}"


def _all_parameters(definition: Definition) -> list[str]:
    code = getattr(definition.object, "__code__", None)
    if isinstance(code, types.CodeType):
        return list(code.co_varnames[: code.co_argcount])
    return list(parameters(definition.object))
