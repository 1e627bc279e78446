"""One answer: interpreted, written out as source, and compiled, for every primitive."""

import numpy as np
import pytest

import clearprop as cp
from clearprop.check.primitives import examples
from clearprop.primitive import PRIMITIVES
from clearprop.trees import tree_leaves

DIFFERENTIABLE = [p for p in PRIMITIVES.values() if not p.no_derivative]
TOLERANCE = {"float64": {"rtol": 1e-12, "atol": 1e-13}, "float32": {"rtol": 3e-5, "atol": 1e-5}}


def functions_of(primitive, dtype="float64"):
    """Give each example call as a function of its arrays, with the arrays."""
    for operands, attributes in examples(primitive, np.random.default_rng(0)):
        places = [i for i, o in enumerate(operands) if isinstance(o, np.ndarray | np.generic)]
        arrays = [
            operands[i].astype(dtype) if operands[i].dtype.kind == "f" else operands[i]
            for i in places
        ]

        def call(*given, operands=operands, attributes=attributes, places=places):
            filled = list(operands)
            for i, value in zip(places, given, strict=True):
                filled[i] = value
            return primitive(*filled, **attributes)

        yield call, arrays


def value_and_gradients(primitive, call, arrays):
    """Give a function of the arrays: the value, and the gradients of its weighted sum."""
    real = [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]
    rng = np.random.default_rng(1)

    def pulled(*given):
        def of_real(*leaves):
            filled = list(given)
            for i, leaf in zip(real, leaves, strict=True):
                filled[i] = leaf
            return call(*filled)

        y, pullback = cp.vjp(of_real, *(given[i] for i in real))
        dy = tuple(weights(part) for part in y) if isinstance(y, tuple) else weights(y)
        return y, pullback(dy)

    def weights(part):
        return rng.uniform(0.5, 1.5, part.shape).astype(part.dtype)

    def seeded(*given):
        nonlocal rng
        rng = np.random.default_rng(1)
        return pulled(*given)

    return seeded


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_compiled_is_interpreted(primitive):
    call, arrays = next(iter(functions_of(primitive)))
    compare_compiled(primitive, call, arrays, "float64")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_compiled_is_interpreted_in_every_case(primitive, dtype):
    for call, arrays in functions_of(primitive, dtype):
        if primitive.name == "astype" and dtype == "float32":
            continue  # it is asked for float64
        compare_compiled(primitive, call, arrays, dtype)


def compare_compiled(primitive, call, arrays, dtype):
    f = value_and_gradients(primitive, call, arrays)
    expected, found = f(*arrays), cp.compile(f)(*arrays)
    for (_, a), (_, b) in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, **TOLERANCE[dtype])


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_source_is_the_sweep_to_the_bit(primitive, monkeypatch):
    if not isinstance(primitive.numpy, np.ufunc):
        # SciPy's own erf runs once a program has called it; source holds the text of ours.
        monkeypatch.setattr(primitive, "implementation", primitive.function)
    for of_primitive, arrays in functions_of(primitive):
        # source() writes functions of one result
        call = summed(of_primitive) if primitive.outputs > 1 else of_primitive
        module = {}
        exec(cp.source(call, *arrays), module)
        y, pullback = cp.vjp(
            lambda *xs, call=call, arrays=arrays: call(*merged(arrays, xs)),
            *(a for a in arrays if a.dtype.kind == "f"),
        )
        dy = np.random.default_rng(1).uniform(0.5, 1.5, y.shape)[()]
        z, saved = module["forward"](*arrays)
        np.testing.assert_array_equal(z, y)
        found = module["backward"](saved, dy)
        found = found if isinstance(found, tuple) else (found,)
        for a, b in zip(found, pullback(dy), strict=True):
            np.testing.assert_array_equal(a, b)


def summed(call):
    return lambda *args: sum(np.sum(np.sin(part)) for part in call(*args))


def merged(arrays, real):
    """Put the real arrays back among the others."""
    rest = iter(real)
    return [next(rest) if a.dtype.kind == "f" else a for a in arrays]
