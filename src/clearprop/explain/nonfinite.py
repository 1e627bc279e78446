"""What made a NaN or an infinity: the operation, its line, the elements that went in, and advice.

`watching` says when to look; here it is found out, and told. Loaded only inside a block.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from clearprop.errors import NonFiniteError
from clearprop.explain.advice import BACKWARD, FORWARD, Table
from clearprop.graph import Node
from clearprop.kinds import Elementwise
from clearprop.places import current_line, line_of, name_of, operand_texts
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.tensor import Tensor


def look_forward(node: Node, infinities: bool) -> None:
    """Raise if a node gives a NaN or an infinity."""
    primitive = node.primitive
    assert primitive is not None
    if primitive is PROJECTION or primitive is ALIAS or primitive.name == "empty_like":
        return
    values = node.value if primitive.outputs > 1 else (node.value,)
    for value in values:
        if not _is_bad(value, infinities):
            continue
        fresh = _fresh(node, value, infinities)
        if fresh is not None:
            raise _made_forward(node, value, fresh)
        # Anything that a watched operation makes is caught there: this came from outside.
        for position, operand in enumerate(node.operands):
            source = node.inputs[position]
            meant = source is None or source.primitive is not None  # an infinity in the code
            if _is_bad(operand, infinities and not meant):
                raise _came_in(node, position, operand, infinities and not meant)


def look_backward(node: Node, position: int, dy: Any, g: Any, infinities: bool) -> None:
    """Raise if the rule of a node gives a NaN or an infinity."""
    g = _plain(g)
    if not _is_bad(g, infinities):
        return
    parts = list(dy.values()) if isinstance(dy, dict) else [dy]
    if any(_is_bad(_plain(part), infinities) for part in parts):
        name = node.label or _name(node) or f"the result of {node.operation}"
        raise NonFiniteError(
            f"The gradient that arrives at {name} is not finite, though no rule made it so.",
            where=_where(node),
            why="Backward pass: it is the dy that was given, or a sum of finite gradients that is "
            "too large for its dtype.",
            write="a finite dy; or a wider dtype, or a smaller loss.",
        )
    raise _made_backward(node, position, dy, g, infinities)


def look_at_sum(node: Node, g: Any, infinities: bool) -> None:
    """Raise if finite gradients add up to an infinity."""
    g = _plain(g)
    if node.primitive is None and _is_bad(g, infinities):
        raise NonFiniteError(
            f"The gradient of {node.label or 'the argument'} is not finite, "
            f"though each path to it gives a finite one{_size(g)}.",
            why=f"Backward pass: their sum is too large for {node.dtype}.",
            write="x.astype(np.float64), or a smaller loss.",
        )


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Tensor) else value


def _bad(value: Any, infinities: bool) -> Any:
    return ~np.isfinite(value) if infinities else np.isnan(value)


def _is_bad(value: Any, infinities: bool) -> bool:
    if isinstance(value, dict | tuple) or value is None:
        return False
    array = np.asarray(value)
    return array.dtype.kind in "fc" and bool(_bad(array, infinities).any())


def _fresh(node: Node, value: Any, infinities: bool) -> Any:
    """Mark the elements that were made here: NaN out of no NaN, infinity out of the finite."""
    operands = [np.asarray(v) for v in node.operands]
    operands = [v for v in operands if v.dtype.kind in "fiubc"]
    assert node.primitive is not None
    if isinstance(node.primitive.kind, Elementwise):
        has_nan: Any = np.zeros(np.shape(value), bool)
        has_any: Any = has_nan
        for operand in operands:
            has_nan = has_nan | np.isnan(operand)
            has_any = has_any | ~np.isfinite(operand)
    else:
        has_nan = any(np.isnan(v).any() for v in operands)
        has_any = any(not np.isfinite(v).all() for v in operands)
    fresh = np.isnan(value) & ~np.asarray(has_nan)
    if infinities:
        fresh |= np.isinf(value) & ~np.asarray(has_any)
    return fresh if fresh.any() else None


# ---- telling ---------------------------------------------------------------------------------


def _made_forward(node: Node, value: Any, fresh: Any) -> NonFiniteError:
    index = _first(fresh)
    made = _number(np.asarray(value)[index])
    why, write = _advice(FORWARD, node, _elements(node, index))
    return NonFiniteError(
        f"{node.operation} made {made} of {_went_in(node, index)}{_size(value, fresh)}.",
        where=_where(node),
        why=_sentences("Forward pass:", *why, _not_by_where(node), _inputs(node)),
        write=write,
    )


def _made_backward(node: Node, position: int, dy: Any, g: Any, infinities: bool) -> NonFiniteError:
    bad = _bad(g, infinities)
    index = _first(bad)
    primitive, source = node.primitive, node.inputs[position]
    assert primitive is not None
    assert source is not None
    operand = _texts(node)[position]
    at = index if source.shape == node.shape else _in_the_result(node, position, dy, infinities)
    elements = _elements(node, at)
    shown = f" at {_went_in(node, at)}" if elements else f" in element {list(index)}" * bool(index)
    arrived = ""
    if elements and at is not None and not isinstance(dy, dict):
        arrived = f"dy = {_number(np.asarray(_plain(dy))[at])} arrived there."
    why, write = _advice(BACKWARD, node, elements, position)
    of = "Backward pass of this line:" if node.place else "Backward pass:"
    return NonFiniteError(
        f"The derivative of {primitive.name} with respect to {operand} is "
        f"{_number(g[index] if g.shape else g)}{shown}{_size(g, bad)}.",
        where=_where(node),
        why=_sentences(of, *why, arrived, _not_by_where(node), _inputs(node)),
        write=write,
    )


def _in_the_result(node: Node, position: int, dy: Any, infinities: bool) -> Any:
    """Find the element of the result in which an operand that was broadcast goes wrong."""
    primitive = node.primitive
    assert primitive is not None
    rule = primitive.rule(position)
    if rule is None or not isinstance(primitive.kind, Elementwise) or not all(_kept(node, rule)):
        return None
    needed, attributes = rule.kept_in(node)
    parts = np.broadcast_to(rule.function(_plain(dy), *needed, **attributes), node.shape)
    bad = _bad(parts, infinities)
    return _first(bad) if bad.any() else None  # else it is their sum that is too large


def _kept(node: Node, rule: Any) -> list[bool]:
    return [need == "y" or node.operands[operand] is not None for need, operand in rule.needs]


def _came_in(node: Node, position: int, operand: Any, infinities: bool) -> NonFiniteError:
    source = node.inputs[position]
    text = _texts(node)[position]
    bad = _bad(np.asarray(operand), infinities)
    index = _first(bad)
    what = f"{_element(text, index)} = {_number(np.asarray(operand)[index])}"
    if source is None:
        kind = "a constant of this line (an argument that is not differentiated, or plain data)"
    else:
        kind = "an argument" if source.primitive is None else "recorded outside the block"
    return NonFiniteError(
        f"{text} is not finite already, before {node.operation}: {what}{_size(operand, bad)}.",
        where=_where(node),
        why=f"It is {kind}; no operation of the function made it.",
        write="data without such elements: np.isfinite(data).all() tells"
        + (
            "; or cp.debug_nans(infinities=False), if it is meant."
            if np.isinf(np.asarray(operand)[index])
            else "."
        ),
    )


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _where(node: Node) -> str | None:
    line = line_of(node.place)
    return current_line(2) if line is None else str(line)  # inside a layer no line is the user's


def _name(node: Node | None) -> str | None:
    if node is None:
        return None
    return node.label or (name_of(node.place) if node.place else None)


def _texts(node: Node) -> list[str]:
    """Say what each operand is: its text in the source, its variable, or its role."""
    primitive, count = node.primitive, len(node.inputs)
    assert primitive is not None
    known = {primitive.name, getattr(primitive.numpy, "__name__", "")}

    texts = operand_texts(node.place, known, count)
    if texts is None:
        return [_name(n) or primitive.operand_name(i) for i, n in enumerate(node.inputs)]
    return [text if len(text) <= 40 else text[:37] + "…" for text in texts]


def _element(text: str, index: tuple[int, ...]) -> str:
    if not index:
        return text
    shown = text if _is_simple(text) else f"({text})"
    return f"{shown}[{', '.join(map(str, index))}]"


def _is_simple(text: str) -> bool:
    return re.fullmatch(r"[\w.]+(\[[\w'\", :]+\])*", text) is not None


def _elements(node: Node, index: tuple[int, ...] | None) -> list[Any] | None:
    """Give the elements of the operands that an element of the result comes from."""
    assert node.primitive is not None
    if not isinstance(node.primitive.kind, Elementwise) or index is None:
        return None
    if any(value is None for value in node.operands):
        return None  # recorded outside the block, where less is kept
    return [np.asarray(v)[_at(index, np.shape(v))] for v in node.operands]


def _at(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the index into an operand that was broadcast."""
    own = index[len(index) - len(shape) :] if shape else ()
    return tuple(0 if n == 1 else i for i, n in zip(own, shape, strict=True))


def _went_in(node: Node, index: tuple[int, ...] | None) -> str:
    elements = _elements(node, index)
    texts = _texts(node)
    if elements is not None and index is not None:
        parts = []
        for text, value, operand in zip(texts, elements, node.operands, strict=True):
            number = _number(value)
            element = _element(text, _at(index, np.shape(operand)))
            parts.append(number if _is_number(text) else f"{element} = {number}")
        return " and ".join(parts)
    parts = []
    for text, value in zip(texts, node.operands, strict=True):
        if value is not None and np.asarray(value).dtype.kind in "fc" and np.size(value):
            parts.append(f"{text} (largest magnitude {_number(np.max(np.abs(value)))})")
    return " and ".join(parts) or "its operands"


def _inputs(node: Node) -> str:
    given = zip(_texts(node), node.operands, node.inputs, strict=True)
    parts = []
    for text, value, source in given:
        shape, dtype = (
            (source.shape, source.dtype)
            if source is not None
            else (np.shape(value), np.asarray(value).dtype)
        )
        if not _is_number(text):
            parts.append(f"{text} {shape} {dtype}")
    return f"Inputs: {', '.join(parts)}." if parts else ""


def _is_number(text: str) -> bool:
    try:
        float(text.replace("np.", ""))
    except ValueError:
        return False
    return True


def _number(value: Any) -> str:
    return f"{value.item():.6g}"


def _size(value: Any, bad: Any = None) -> str:
    bad = _bad(value, True) if bad is None else bad
    return f" ({np.count_nonzero(bad)} of {np.size(value)} elements)" if np.ndim(value) else ""


def _first(bad: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(bad)[0]) if np.ndim(bad) else ()


def _not_by_where(node: Node) -> str:
    line = line_of(node.place)
    if line is not None and "np.where(" in line.text and node.operation != "where":
        return "np.where does not help here: the branch not taken is computed and differentiated."
    return ""


def _advice(
    table: Table, node: Node, elements: list[Any] | None, position: int = 0
) -> tuple[list[str], str | None]:
    if elements is None:
        if not isinstance(getattr(node.primitive, "kind", None), Elementwise):
            return [f"the result is too large for {node.dtype}, or undefined."], (
                "a wider dtype, or smaller numbers: x / np.max(np.abs(x))."
            )
        return [], None
    advise = table.get(f"{node.operation}, {position}") or table.get(node.operation)
    if advise is None:
        return [], None
    why, write = advise(elements)
    for role, text in (("{x}", _texts(node)[0]), ("{d}", _texts(node)[-1])):
        if role in write:
            short = text if _is_simple(text) else role[1]
            write = write.replace(role, short)
            write += "" if short == text else f" ({short} being {text})"
    return [why], write
