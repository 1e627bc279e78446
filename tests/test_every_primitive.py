"""Every entry of the registry, by the same tests: nothing is listed here by hand."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import elementwise_operands

import clearprop as cp
from clearprop.binding import numpy_signature
from clearprop.check import check_primitive
from clearprop.check.primitives import examples
from clearprop.kinds import Elementwise
from clearprop.primitive import COMPOSITIONS, PRIMITIVES

ALL = list(PRIMITIVES.values())
SMOOTH = [p for p in ALL if isinstance(p.kind, Elementwise) and not p.no_derivative]


@pytest.mark.parametrize("primitive", ALL, ids=lambda p: p.name)
def test_value_derivatives_dtype_and_inputs(primitive):
    report = check_primitive(primitive)
    assert report.ok, str(report)


@pytest.mark.parametrize("primitive", ALL, ids=lambda p: p.name)
def test_has_a_derivative_or_a_reason_for_none(primitive):
    if primitive.no_derivative:
        assert not primitive.rules
        return
    for position, operand in enumerate(primitive.operands):
        has_rule = primitive.rule(position) is not None
        is_index = operand == "arrays" and primitive.name in ("getitem", "unindex", "setitem")
        has_reason = primitive.is_constant(position) or primitive.refused.get(operand)
        assert has_rule or has_reason or is_index, operand


@pytest.mark.parametrize("primitive", SMOOTH, ids=lambda p: p.name)
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_directional_derivative_of_any_broadcast_shapes(primitive, data):
    """The sweep's gradient, in a random direction, is what the function does in that direction."""
    operands, attributes, directions = data.draw(elementwise_operands(primitive))

    def along(t):
        moved = [x + t * v for x, v in zip(operands, directions, strict=True)]
        return np.sum(primitive.implementation(*moved, **attributes))

    argnums = tuple(i for i in range(len(operands)) if not primitive.is_constant(i))
    gradients = cp.grad(lambda *xs: np.sum(primitive(*xs, **attributes)), argnums)(*operands)
    found = sum(np.sum(g * directions[i]) for g, i in zip(gradients, argnums, strict=True))
    h = 1e-5
    wide = (along(h) - along(-h)) / (2 * h)
    narrow = (along(h / 2) - along(-h / 2)) / h
    if abs(wide - narrow) > 1e-5 * (1 + abs(narrow)):
        return  # a kink lies within the step
    for x, g in zip((operands[i] for i in argnums), gradients, strict=True):
        assert g.shape == x.shape
    assert found == pytest.approx(float((4 * narrow - wide) / 3), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("primitive", ALL, ids=lambda p: p.name)
def test_runs_on_what_numpy_may_hand_it(primitive):
    """Negative strides, stride 0 and read-only arrays give the values that plain ones give."""
    for operands, attributes in examples(primitive, np.random.default_rng(2)):
        expected = primitive(*operands, **attributes)
        for disguise in (_reversed_twice, _read_only):
            disguised = [disguise(o) if isinstance(o, np.ndarray) else o for o in operands]
            found = primitive(*(_leaf(o) for o in disguised), **attributes)
            parts = found if isinstance(found, tuple) else (found,)
            wanted = expected if isinstance(expected, tuple) else (expected,)
            for a, b in zip(parts, wanted, strict=True):
                np.testing.assert_array_equal(getattr(a, "value", a), b)


def _leaf(operand):
    is_float = getattr(getattr(operand, "dtype", None), "kind", "") == "f"
    return cp.tensor(operand) if is_float else operand


def _reversed_twice(x):
    copy = np.ascontiguousarray(x[..., ::-1]) if x.ndim else x.copy()
    return copy[..., ::-1] if x.ndim else copy


def _read_only(x):
    copy = x.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("function", COMPOSITIONS, ids=lambda f: f.__name__)
def test_compositions_have_numpys_parameter_names(function):
    body = COMPOSITIONS[function]
    code = body.__code__
    ours = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    theirs = set(numpy_signature(function) or ours)
    theirs.add("copy")  # of reshape, since NumPy 2.1
    assert ours <= theirs or "kwargs" in theirs
