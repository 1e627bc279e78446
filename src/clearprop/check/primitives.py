"""The check of a primitive: what the property tests run over every entry of the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clearprop.check.functions import check_function
from clearprop.check.report import CORRECT, WRONG, Finding, Report
from clearprop.errors import ClearpropError
from clearprop.kinds import Elementwise
from clearprop.primitive import Case, Primitive
from clearprop.transforms import vjp


def check_primitive(p: Primitive, seed: int = 0) -> Report:
    """Check a primitive on its example calls: value, first and second derivative, dtype, inputs.

    Parameters
    ----------
    p : Primitive
        Its ``cases`` are run; an elementwise one is also run broadcast, on 0-d and on empty arrays.
    seed : int, default 0
        For the numbers drawn from its domain.

    Returns
    -------
    Report
        Each finding names the rule, such as ``second derivative of tanh for x``.

    Examples
    --------
    >>> import clearprop as cp
    >>> from clearprop.check import check_primitive
    >>> from clearprop.primitive import PRIMITIVES
    >>> check_primitive(PRIMITIVES["tanh"]).ok
    True
    """
    findings = []
    rng = np.random.default_rng(seed)
    for operands, attributes in examples(p, rng):
        stages = {"value": _value, "inputs": _inputs_unchanged}
        if not p.no_derivative:
            stages |= {"gradient": _first, "second derivative": _second}
            stages |= {"float32 through": _single_precision}
        for what, stage in stages.items():
            try:
                findings += stage(p, operands, attributes)
            except ClearpropError as error:  # the rule does not even run
                findings.append(Finding(f"{what} of {p.name}", WRONG, reason=str(error)))
    return Report(p.name, findings)


def examples(p: Primitive, rng: np.random.Generator) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Draw the operands of every example call of a primitive."""
    cases = list(p.cases)
    if not cases and isinstance(p.kind, Elementwise):
        count = len(p.operands)
        shapes = {1: [((3, 4),), ((),), ((0, 3),)]}.get(
            count, [((3, 4),) * count, ((3, 4), (4,)), ((2, 1), (3,)), ((), (3,)), ((0, 3), (3,))]
        )
        cases = [Case(*shape) for shape in shapes]
    for case in cases:
        drawn = [
            np.asarray(rng.uniform(*_interval(p, i), operand))[()]
            if isinstance(operand, tuple)
            else operand
            for i, operand in enumerate(case.operands)
        ]
        yield drawn, case.attributes


def _interval(p: Primitive, position: int) -> tuple[float, float]:
    domain = p.domain
    if isinstance(domain[0], tuple):
        domain = domain[min(position, len(domain) - 1)]
    return float(domain[0]), float(domain[1])


def _active(p: Primitive, operands: list[Any]) -> list[int]:
    return [
        i
        for i, operand in enumerate(operands)
        if getattr(getattr(operand, "dtype", None), "kind", "-") in "fc"
        and not p.is_constant(i)
        and not p.is_refused(i)
    ]


def _of_active(
    p: Primitive, operands: list[Any], attributes: dict[str, Any]
) -> tuple[Callable[..., Any], list[int]]:
    """Give the primitive as a function of its differentiable operands alone."""
    active = _active(p, operands)

    def call(*leaves: Any) -> Any:
        given = list(operands)
        for i, leaf in zip(active, leaves, strict=True):
            given[i] = leaf
        return p(*given, **attributes)

    return call, active


def _value(p: Primitive, operands: list[Any], attributes: dict[str, Any]) -> list[Finding]:
    expected = p.implementation(*operands, **attributes)
    found = p.function(*operands, **attributes)
    same = all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=1e-14, atol=1e-15, equal_nan=True)
        for a, b in zip(_parts(found), _parts(expected), strict=True)
    )
    verdict = CORRECT if same else WRONG
    return [Finding(f"value of {p.name}", verdict, reason="" if same else "Its body disagrees.")]


def _first(p: Primitive, operands: list[Any], attributes: dict[str, Any]) -> list[Finding]:
    call, active = _of_active(p, operands, attributes)
    return _named(p, active, "gradient", _check(call, [operands[i] for i in active]))


def _second(p: Primitive, operands: list[Any], attributes: dict[str, Any]) -> list[Finding]:
    call, active = _of_active(p, operands, attributes)
    leaves = [operands[i] for i in active]
    rng = np.random.default_rng(1)

    def weights(part: Any) -> Any:
        drawn = rng.uniform(0.5, 1.5, np.shape(part))
        return drawn * (1 + 0.5j) if np.iscomplexobj(part) else drawn

    y = call(*leaves)
    dy = tuple(weights(part) for part in y) if p.outputs > 1 else weights(y)

    def gradients(*leaves: Any) -> Any:
        return vjp(call, *leaves)[1](dy)

    return _named(p, active, "second derivative", _check(gradients, leaves))


def _check(f: Callable[..., Any], args: list[Any]) -> Report:
    return check_function(f, args, samples=500, seed=0, name=None)


def _named(p: Primitive, active: list[int], what: str, report: Report) -> list[Finding]:
    named = []
    for i, finding in zip(active, report.findings, strict=True):
        operand = p.operand_name(i)
        named.append(Finding(**{**vars(finding), "name": f"{what} of {p.name} for {operand}"}))
    return named


def _single_precision(
    p: Primitive, operands: list[Any], attributes: dict[str, Any]
) -> list[Finding]:
    if "dtype" in attributes:
        return []  # what it is asked for is what it gives
    call, active = _of_active(p, operands, attributes)
    leaves = [_single(operands[i]) for i in active]
    operands = [_single(o) if i in active else o for i, o in enumerate(operands)]
    call, _ = _of_active(p, operands, attributes)
    y, pullback = vjp(call, *leaves)
    gradients = pullback(
        tuple(np.ones_like(part) for part in y) if p.outputs > 1 else np.ones_like(y)
    )
    types = {str(np.finfo(part.dtype).dtype) for part in [*_parts(y), *gradients]}
    same = types == {"float32"}
    if isinstance(p.numpy, str):  # SciPy has some functions in float64 alone: so has the record
        value = p.implementation(*operands, **attributes)
        same = [part.dtype for part in _parts(y)] == [part.dtype for part in _parts(value)]
        same &= {str(gradient.dtype) for gradient in gradients} == {"float32"}
    return [
        Finding(
            f"float32 through {p.name}",
            CORRECT if same else WRONG,
            reason="" if same else f"It gave {sorted(types)}.",
        )
    ]


def _single(operand: Any) -> Any:
    return operand.astype(np.complex64 if operand.dtype.kind == "c" else np.float32)


def _inputs_unchanged(
    p: Primitive, operands: list[Any], attributes: dict[str, Any]
) -> list[Finding]:
    before = [np.array(o) for o in operands]
    call, active = _of_active(p, operands, attributes)
    if p.no_derivative:
        p(*operands, **attributes)
        untouched = True
    else:
        y, pullback = vjp(call, *(operands[i] for i in active))
        dy = [np.ones_like(part) for part in _parts(y)]
        pullback(tuple(dy) if p.outputs > 1 else dy[0])
        untouched = all(np.all(part == 1) for part in dy)
    untouched &= all(np.array_equal(a, b) for a, b in zip(before, operands, strict=True))
    reason = "" if untouched else "An operand, or dy, was written to."
    return [Finding(f"inputs of {p.name}", CORRECT if untouched else WRONG, reason=reason)]


def _parts(y: Any) -> tuple[Any, ...]:
    return y if isinstance(y, tuple) else (y,)
