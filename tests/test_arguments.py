"""Which argument a derivative is with respect to: positions, names, and how they were given."""

import functools

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.arguments import Arguments


def area(width, height, *, scale=1.0, **extra):
    return width * height * scale + extra.get("shift", 0.0) * width


@pytest.mark.parametrize(
    ("argnums", "args", "kwargs", "expected"),
    [
        (0, (2.0, 3.0), {}, 3.0),
        (-1, (2.0, 3.0), {}, 2.0),
        (np.int64(1), (2.0, 3.0), {}, 2.0),
        ("width", (2.0, 3.0), {}, 3.0),
        ("height", (2.0,), {"height": 3.0}, 2.0),
        (1, (2.0,), {"height": 3.0}, 2.0),
        ("width", (), {"height": 3.0, "width": 2.0}, 3.0),
        ("scale", (2.0, 3.0), {"scale": 5.0}, 6.0),
        ("shift", (2.0, 3.0), {"shift": 5.0}, 2.0),
        (("scale", 0, "height"), (2.0, 3.0), {"scale": 5.0}, (6.0, 15.0, 10.0)),
        ((), (2.0, 3.0), {}, ()),
    ],
)
def test_an_argument_by_position_or_name(argnums, args, kwargs, expected):
    assert cp.grad(area, argnums)(*args, **kwargs) == expected
    y, g = cp.value_and_grad(area, argnums)(*args, **kwargs)
    assert (y, g) == (area(*args, **kwargs), expected)


def test_names_of_methods_partials_and_derivatives():
    class Line:
        def at(self, x, slope):
            return slope * x

    assert cp.grad(Line().at, "slope")(2.0, 3.0) == 2.0
    assert cp.grad(functools.partial(area, 2.0), "height")(3.0) == 2.0
    assert cp.grad(cp.grad(lambda x, k: k * x**3, "x"), "k")(2.0, 1.0) == 12.0


def test_the_callers_keywords_are_not_written_to():
    given = {"scale": 5.0}
    cp.grad(area, "scale")(2.0, 3.0, **given)
    values = Arguments(area, "scale")
    assert values.replaced((2.0, 3.0), given, [7.0]) == ([2.0, 3.0], {"scale": 7.0})
    assert given == {"scale": 5.0}


def test_a_number_given_by_keyword_takes_the_dtype_of_the_arrays():
    x = np.ones(3, np.float32)
    g = cp.grad(lambda x, *, lr: np.sum(x * lr), "lr")(x, lr=0.5)
    assert g.dtype == np.float32
    g = cp.grad(lambda lr, *, x: np.sum(x * lr))(0.5, x=x)
    assert g.dtype == np.float32
    assert cp.grad(lambda lr, *, x: np.sum(x * lr), "lr")(lr=0.5, x=x).dtype == np.float32


def test_a_view_given_by_keyword_is_up_to_date():
    def f(x):
        y = x * 1.0
        view = y[:2]
        y[0] *= 3
        return np.sum(cp.grad(lambda *, z: np.sum(z**3), "z")(z=view))

    assert cp.check(f, np.array([0.5, 1.0, 2.0])).ok


def text_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_an_unknown_name_lists_the_parameters():
    text = text_of(errors.UnknownNameError, lambda: cp.grad(lambda x, W: x * W, "w")(1.0, 2.0))
    assert "<lambda> has no parameter 'w'." in text
    assert "Its parameters are ['x', 'W']." in text
    assert "test_arguments.py" in text


def test_a_name_that_was_not_given():
    text = text_of(errors.ShapeError, lambda: cp.grad(area, "scale")(1.0, 2.0))
    assert "area was called without scale." in text
    assert "scale=… in the call" in text


def test_a_call_without_arguments():
    text = text_of(errors.ShapeError, lambda: cp.grad(area)())
    assert "area was called with 0 positional arguments." in text
    assert "cp.grad(f)(x), with the argument in the call" in text


def test_a_name_and_a_position_of_one_argument():
    text = text_of(errors.ShapeError, lambda: cp.grad(area, (0, "width"))(1.0, 2.0))
    assert "two of them are one argument" in text


def test_a_function_that_does_not_name_its_parameters():
    with pytest.raises(errors.UnknownNameError, match="names of its parameters"):
        cp.grad(max, "x")(1.0, 2.0)


@pytest.mark.parametrize("argnums", [0.5, None, (0, 0.5), object()])
def test_argnums_that_says_nothing(argnums):
    with pytest.raises(errors.DTypeError, match="argnums="):
        cp.grad(area, argnums)
