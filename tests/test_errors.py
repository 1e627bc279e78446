"""The text of every error that a person meets: what, where, why, and what to write instead."""

import linecache
import math
import re
import sys
import types

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors

X = np.arange(6.0).reshape(2, 3)
unguarded = types.SimpleNamespace(np=np)  # not a name of the module: out of reach of the guard


def text_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_asarray_of_a_traced_value():
    def f(x):
        return np.sum(unguarded.np.asarray(x))

    text = text_of(errors.LostGradientError, lambda: cp.grad(f)(X))
    assert "np.asarray() of a recorded value of shape (2, 3) would cut its gradient." in text
    assert re.search(r"Where: test_errors\.py:\d+: return np\.sum\(unguarded", text)
    assert "Write instead: the value as it is" in text


def test_float_of_a_traced_value():
    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: float(x) * 2)(3.0))
    assert "float() of a recorded value of shape () would cut its gradient." in text


def test_item_of_a_traced_value():
    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: x.item() * 2)(3.0))
    assert ".item() of a recorded value" in text


def test_a_function_without_a_rule():
    text = text_of(errors.MissingRuleError, lambda: cp.grad(lambda x: np.save("never", x))(X))
    assert "np.save has no derivative here." in text
    assert "What is written to a file has left the record." in text
    assert "Write instead: np.save(file, x.value)." in text


def test_a_ufunc_without_a_rule():
    own = np.frompyfunc(abs, 1, 1)
    text = text_of(errors.MissingRuleError, lambda: cp.grad(lambda x: np.sum(own(x)))(X))
    assert "np.abs (vectorized) has no derivative here." in text
    assert "a gradient is never lost silently" in text
    assert "@cp.primitive" in text


def test_an_argument_without_a_rule():
    text = text_of(
        errors.MissingRuleError, lambda: cp.grad(lambda x: np.sum(np.clip(x, 0, 1, dtype="f4")))(X)
    )
    assert "np.clip(…, dtype='f4') has no derivative here." in text
    assert "without dtype=" in text


def test_a_ufunc_option_without_a_rule():
    text = text_of(
        errors.MissingRuleError, lambda: cp.grad(lambda x: np.sum(np.exp(x, where=X > 1)))(X)
    )
    assert "np.exp(…, where=…) without out= has no derivative here." in text
    assert "np.exp(x, where=X > 1, out=np.zeros_like(x))" in text


def test_out_into_a_plain_array():
    text = text_of(
        errors.LostGradientError, lambda: cp.grad(lambda x: np.sum(np.exp(x, out=X.copy())))(X)
    )
    assert "exp(…, out=…) would write a recorded value into a plain array." in text
    assert "y = np.exp(…), without out=." in text


def test_writing_into_a_plain_array():
    def f(x):
        B = unguarded.np.zeros((2, 3))
        B[:] = x
        return np.sum(B)

    text = text_of(errors.LostGradientError, lambda: cp.grad(f)(X))
    assert "would cut its gradient" in text
    assert "B[:] = x" in text


def test_result_that_is_no_scalar():
    text = text_of(errors.ShapeError, lambda: cp.grad(lambda x: x * 2)(X))
    assert "The value to differentiate has shape (2, 3); a derivative starts at a scalar." in text
    assert "np.sum(y)" in text


def test_result_that_depends_on_nothing():
    text = text_of(errors.ShapeError, lambda: cp.grad(lambda x: "done")(X))
    assert "<lambda> returned str of shape ()." in text
    text = text_of(errors.ShapeError, lambda: cp.grad(lambda x: (np.sum(x), x))(X))
    assert "<lambda> returned tuple." in text
    assert "cp.vjp(f, *args)" in text


def test_gradient_with_respect_to_integers():
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda n: np.sum(n * n))(np.array([1, 2])))
    assert "Argument 1 of <lambda> is an array of int64; a derivative needs real numbers." in text
    assert "x.astype(float)" in text


@pytest.mark.parametrize("value", ["three", None, np.array(["a"]), {1, 2}])
def test_gradient_with_respect_to_no_number(value):
    assert "a derivative needs real numbers" in text_of(
        errors.DTypeError, lambda: cp.grad(lambda n: n)(value)
    )


def test_masked_array():
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda x: np.sum(x * masked))(X[0]))
    assert "of a masked array cannot be recorded" in text


def test_object_array():
    odd = np.array([1.0, None, 3.0], dtype=object)
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda x: np.sum(x * odd))(X[0]))
    assert "object" in text


def test_argnums_out_of_range():
    text = text_of(errors.ShapeError, lambda: cp.grad(lambda x: x, 2)(1.0))
    assert "argnums is 2; <lambda> was called with 1 positional arguments." in text


def test_differentiating_a_result():
    text = text_of(errors.DTypeError, lambda: cp.grad(np.sum(X)))
    assert "cp.grad(f)(x), not cp.grad(f(x))." in text


def test_backward_of_a_constant():
    text = text_of(errors.OrderError, lambda: cp.Tensor(np.float64(3.0)).backward())
    assert "depends on no recorded leaf" in text
    assert "cp.tensor([1.0, 2.0])" in text


def test_backward_with_a_wrong_dy():
    x = cp.tensor(X)
    text = text_of(errors.ShapeError, lambda: (x * 2).backward(np.ones(2)))
    assert "dy has shape (2,), the value it belongs to has shape (2, 3)." in text


def test_writing_an_element_into_a_plain_array():
    def f(x):
        B = unguarded.np.zeros(3)
        B[0] = x[0, 0]
        return np.sum(B)

    text = text_of(errors.LostGradientError, lambda: cp.grad(f)(X))
    assert "Writing into a plain array of a recorded value of shape ()" in text
    assert "B[0] = x[0, 0]" in text
    assert "y = np.array(y), or np.zeros(…), inside the function" in text
    assert "np.stack([…]) of the parts" in text


def by_float(B, x):
    B[0] = float(x[0, 0]) ** 2


def by_item(B, x):
    B[0] = x[0, 0].item()


@pytest.mark.parametrize(("write", "what"), [(by_float, "float()"), (by_item, ".item()")])
def test_a_conversion_in_a_line_that_writes_is_what_is_named(write, what):
    def f(x):
        B = np.zeros(3)
        write(B, x)
        return np.sum(B)

    text = text_of(errors.LostGradientError, lambda: cp.grad(f)(X))
    assert text.startswith(f"{what} of a recorded value of shape () would cut its gradient.")
    assert f"Write instead: the expression without {what}; or .value" in text


def test_a_cell_of_a_notebook_is_named_as_in_its_tracebacks(monkeypatch):
    file = "/tmp/ipykernel_7/2749832574.py"
    text = "def f(x):\n    return float(x) * 2\n"
    monkeypatch.setitem(linecache.cache, file, (len(text), None, text.splitlines(True), file))
    cells = {file: ("Cell", "In[3]")}
    shell = types.SimpleNamespace(compile=types.SimpleNamespace(format_code_name=cells.get))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    names = {}
    exec(compile(text, file, "exec"), names)
    text = text_of(errors.LostGradientError, lambda: cp.grad(names["f"])(3.0))
    assert "Where: Cell In[3], line 2: return float(x) * 2." in text
    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: float(x))(3.0))
    assert "Where: test_errors.py:" in text


def test_a_list_of_traced_values_made_an_array():
    def f(x):
        return np.sum(unguarded.np.array([x, x]))

    assert "np.stack([a, b])" in text_of(errors.LostGradientError, lambda: cp.grad(f)(3.0))


def test_a_function_of_the_math_module():
    def f(x):
        return math.sin(x)

    assert "np.sin(x) in the place of" in text_of(errors.LostGradientError, lambda: cp.grad(f)(3.0))


def test_a_complex_result():
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda x: np.sum(x * 1j))(X))
    assert "np.real(y), np.imag(y) or np.abs(y)**2" in text


def test_an_argument_named_twice():
    text = text_of(errors.ShapeError, lambda: cp.grad(lambda x: x, (0, 0))(1.0))
    assert "once" in text


def test_argnums_that_is_no_number():
    assert "argnums=0" in text_of(errors.DTypeError, lambda: cp.grad(lambda x: x, 0.5)(1.0))


def test_where_with_one_branch():
    text = text_of(errors.MissingRuleError, lambda: cp.grad(lambda x: np.where(x, x))(X))
    assert "np.where(condition, x, x_else)" in text


def test_a_border_that_a_function_writes():
    def fill(line, width, axis, options):
        line[: width[0]] = 1

    text = text_of(
        errors.MissingRuleError, lambda: cp.grad(lambda x: np.sum(np.pad(x, 1, mode=fill)))(X)
    )
    assert "np.pad(…, mode=fill) has no derivative here." in text


def test_a_cotangent_of_another_nesting():
    _, pullback = cp.vjp(lambda x: (x, x), X)
    text = text_of(errors.ShapeError, lambda: pullback({"a": X}))
    assert "dy is nested as dict" in text


def test_a_rule_that_writes_into_dy():
    @cp.primitive
    def cube(x):
        return x**3

    @cube.vjp("x")
    def _(dy, x):
        dy *= 3 * x * x
        return dy

    text = text_of(errors.ClearpropError, lambda: cp.vjp(cube, X)[1](np.ones((2, 3))))
    assert "The rule of cube for x wrote into dy" in text


def test_an_operand_called_y():
    text = text_of(errors.ClearpropError, lambda: cp.primitive(lambda x, y: x + y))
    assert "has an operand called y or dy" in text


def test_errors_name_the_users_line_not_numpys():
    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: np.sum([x, x]))(X))
    assert "test_errors.py" in text


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: cp.tensor(x) ** 3, "cp.tensor() of a recorded value"),
        (lambda x: cp.trace(lambda z: z**3, x).backward()["z"], "cp.trace() of a recorded value"),
        (lambda x: (x**3).backward(), "backward() inside a function that is being differentiated"),
        (lambda x: (cp.tensor(2.0) * 3).backward(x), "backward(dy) of a recorded value"),
    ],
)
def test_the_imperative_face_inside_a_derivative(f, what):
    assert what in text_of(errors.LostGradientError, lambda: cp.grad(f)(2.0))


def test_a_rule_that_returns_nothing():
    @cp.primitive
    def cube(x):
        return x**3

    @cube.vjp("x")
    def _(dy, x):
        dy * 3 * x * x

    text = text_of(errors.ShapeError, lambda: cp.grad(cube)(2.0))
    assert "The rule of cube for x gave NoneType" in text
    assert "It has no return." in text


def test_unknown_name():
    d = cp.trace(lambda x: np.sum(x), X).backward()
    text = text_of(errors.UnknownNameError, lambda: d["nothing"])
    assert "'nothing'" in text
    assert "one of ['x']" in text


def test_backward_through_what_was_let_go():
    kept = []

    def f(x):
        y = x * x
        kept.append(y)
        return np.sum(y)

    cp.grad(f)(X)
    text = text_of(errors.OrderError, lambda: np.sum(kept[0]).backward())
    assert "through a record that was let go" in text
    assert "cp.vjp" in text


def test_a_rule_that_asks_for_what_is_not_there():
    @cp.primitive
    def double(x):
        return 2 * x

    def register():
        @double.vjp("x")
        def _(dy, z):
            return 2 * dy

    text = text_of(errors.ClearpropError, register)
    assert "A rule of double asks for 'z'." in text
    assert "one of ['dy', 'y', 'x', 'x_shape']" in text


def test_an_operand_without_a_rule():
    @cp.primitive
    def scaled(x, factor):
        return x * factor

    scaled.vjp("x")(lambda dy, factor: dy * factor)
    text = text_of(errors.MissingRuleError, lambda: cp.grad(lambda k: scaled(2.0, k))(3.0))
    assert "scaled has no derivative with respect to its operand 2." in text
    assert "@scaled.vjp('factor')" in text
    assert cp.grad(lambda x: scaled(x, 3.0))(2.0) == 3.0


@pytest.mark.parametrize("name", ["tobytes", "view", "data", "setflags", "base"])
def test_a_method_of_memory(name):
    text = text_of(errors.MissingMethodError, lambda: cp.grad(lambda x: getattr(x, name))(X))
    assert f"A recorded value has no .{name}." in text
    assert f"x.value.{name}" in text
    assert not hasattr(cp.tensor(X), name)


def test_an_attribute_that_no_array_has():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cp.tensor(X).nothing  # noqa: B018


def test_walking_over_memory():
    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: list(np.nditer(x)))(X))
    assert "np.nditer of a recorded value" in text
    assert "np.ndenumerate(x)" in text


def test_what_is_said_about_an_array_needs_no_derivative():
    def f(x):
        assert np.result_type(x, np.float32) == np.float64
        assert not np.iscomplexobj(x)
        assert "array" in np.array_repr(x)
        assert x.flags.c_contiguous
        return np.sum(x)

    np.testing.assert_array_equal(cp.grad(f)(X), 1.0)
