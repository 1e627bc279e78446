"""What is computed of a mistake, and not guessed; what is kept under another name; shapes."""

import ast

import numpy as np
import pytest
from check.writing import write
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop.check.handwritten.inverting import needed_in
from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.matching import Pool

FACTORS_LOST = """
    import numpy as np

    def squash(x):
        t = np.tanh(x)
        return x * t

    def squash_grad(x):
        t = np.tanh(x)
        return t + {term}
"""

CACHE = """
    import numpy as np

    def scale_forward(x, w, b):
        z = x * w
        h = np.tanh(z)
        out = h + b
        cache = ({kept}, w, h)
        return out, cache

    def scale_backward(dout, cache):
        x, w, h = cache
        dz = dout * (1 - h ** 2)
        dx = dz * w
        dw = np.sum(dz * x, axis=0)
        db = np.sum(dout, axis=0)
        return dx, dw, db
"""

AFFINE = """
    import numpy as np

    def affine_forward(x, w, b):
        flat = x.reshape(x.shape[0], -1)
        return flat @ w + b, (x, w, b)

    def affine_backward(dout, cache):
        x, w, b = cache
        dx = (dout @ w.T).reshape(x.shape)
        dw = x.reshape(x.shape[0], -1).T @ dout
        db = {db}
        return dx, dw, db
"""

SLOPE = """
    import numpy as np

    def elu(x, alpha=1.0):
        return np.where(x > 0, x, alpha * (np.exp(x) - 1))

    def elu_grad(x, alpha=1.0):
        return np.where(x > 0, 1.0, {below})
"""


def judged(folder, text, name):
    return check_file(write(folder, "layers.py", text), (name,)).judgements[0]


def first(folder, text, name):
    finding = judged(folder, text, name).findings[0]
    return finding.cause, finding.place.line, finding.remedy


def test_two_factors_that_are_lost_together(tmp_path):
    assert judged(
        tmp_path, FACTORS_LOST.format(term="x * (1 - t ** 2)"), "squash_grad"
    ).verdict == ("correct")
    cause, line, remedy = first(tmp_path, FACTORS_LOST.format(term="x ** 0"), "squash_grad")
    assert (cause, line) == ("local-factor", 9)
    assert "x" in remedy


def test_a_value_kept_in_the_place_of_another_is_named_where_it_is_kept(tmp_path):
    assert judged(tmp_path, CACHE.format(kept="x"), "scale_backward").verdict == "correct"
    cause, line, remedy = first(tmp_path, CACHE.format(kept="z"), "scale_backward")
    assert (cause, line) == ("stale-cache", 7)
    assert remedy in {"cache = (x, w, h)", "cache = x, w, h"}


@pytest.mark.parametrize("db", ["dout.sum(axis=0)", "np.sum(dout, axis=0)"])
def test_no_parameter_takes_an_axis_of_the_samples(tmp_path, db):
    assert judged(tmp_path, AFFINE.format(db=db), "affine_backward").verdict == "correct"
    assert first(tmp_path, AFFINE.format(db="dout"), "affine_backward")[:2] == ("batch-sum", 11)


def test_a_factor_of_one_is_tried_with_another_number(tmp_path):
    right = SLOPE.format(below="alpha * np.exp(x)")
    assert judged(tmp_path, right, "elu_grad").verdict in ("correct", "convention")
    wrong = judged(tmp_path, SLOPE.format(below="np.exp(x)"), "elu_grad").findings[0]
    assert (wrong.cause, wrong.place.line) == ("local-factor", 7)
    assert "alpha" in wrong.remedy


FORMS = [
    "a * b - c",
    "-(a / b) + c",
    "(a + b) * c",
    "a - b / c",
    "np.exp(a) * b",
    "(a.T * b.T).T / c",
]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(FORMS), st.integers(0, 10**6))
def test_each_part_that_is_solved_for_sets_the_whole_right(form, seed):
    rng = np.random.default_rng(seed)
    names = {n: rng.uniform(0.5, 2.0, (3, 4)) for n in "abc"} | {"np": np}
    tree = ast.parse(form, mode="eval").body
    whole = eval(form, names)
    goal = whole + rng.uniform(0.1, 0.2, whole.shape)
    parts = list(needed_in(tree, (), goal, lambda node: eval(ast.unparse(node), names)))
    assert parts[0].node is tree
    named = [p for p in parts if isinstance(p.node, ast.Name) and np.isfinite(p.needed).all()]
    assert named
    for part in named:
        np.testing.assert_allclose(eval(form, names | {part.node.id: part.needed}), goal)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1.0, -1.0, 2.0, 0.5, 3.0]), st.integers(0, 10**6))
def test_a_product_of_two_is_recognised(number, seed):
    rng = np.random.default_rng(seed)
    values = {n: rng.normal(size=(4, 3)) for n in "abcd"}
    pool = Pool(values, (4, 3), {"N": 4.0})
    found = [m for m in pool.terms(number * values["b"] * values["d"]) if not m.count + m.times]
    assert [(m.number, m.over) for m in found] == [(number, ("b", "d"))]
    assert not list(pool.terms(rng.normal(size=(4, 3))))
