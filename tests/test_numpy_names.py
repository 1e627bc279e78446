"""No name of NumPy is unaccounted for: with the NumPy that is there, the table is what it says."""

import warnings

import numpy as np
import numpy_names
import pytest
from numpy_names import DERIVATIVE, STATES, functions, has_rule, is_here, plain_name

import clearprop as cp
from clearprop.unrecorded import unrecorded

FUNCTIONS = functions()


@pytest.fixture(scope="module")
def rows():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # np.in1d, and np.fix from 2.5 on
        return numpy_names.rows()


def test_every_name_has_the_documented_state(rows):
    documented = numpy_names.committed()
    here = [row for row in documented if is_here(plain_name(row))]
    assert sorted(rows) == sorted(here), "python tests/numpy_names.py"
    assert len({row[3] for row in documented}) == len(documented)


def test_the_documented_counts_are_those_of_the_rows():
    text = numpy_names.TABLE.read_text(encoding="utf-8")
    assert text == numpy_names.table(numpy_names.committed())
    assert {row[1] for row in numpy_names.committed()} == set(STATES)


def test_a_name_that_no_table_knows_is_found_out():
    with pytest.raises(LookupError, match="is in no table"):
        numpy_names.row_of("numpy.new", np.frompyfunc(abs, 1, 1))


def test_what_has_no_derivative_does_not_move_and_the_rest_does():
    assert numpy_names.moves(np.sin, [np.ones(2)])
    assert not numpy_names.moves(np.floor, [np.ones(2)])


@pytest.mark.parametrize(
    "name", [n for n, f in FUNCTIONS.items() if unrecorded(f) and not has_rule(f)]
)
def test_what_is_refused_prints_the_line_of_the_table(name):
    function = FUNCTIONS[name]
    count = function.nin if isinstance(function, np.ufunc) else 1
    file = ("never written",) if "save" in name else ()
    with pytest.raises(cp.errors.MissingRuleError) as refused:
        cp.vjp(lambda x: _called(function, file, x, count), np.eye(3))
    known = unrecorded(function)
    assert known.why in str(refused.value)
    assert f"Write instead: {known.write}." in str(refused.value)


def _called(function, before, x, count):
    """Call a function with a recorded value for every argument that it must have."""
    for given in range(count, count + 6):
        try:
            return function(*before, *[x] * given)
        except TypeError as error:
            if isinstance(error, cp.errors.ClearpropError):
                raise
    raise AssertionError(f"{function} takes no such call")


def test_what_a_maker_makes_with_like_takes_recorded_values():
    def f(x):
        y = np.zeros(3, like=x)
        y[0] = x[1]
        z = np.array([x[0], 2.0], like=x)
        return (
            np.sum(y)
            + z @ np.eye(2, like=x) @ np.asarray([1, 2], like=x)
            + np.sum(np.full(2, x[2], like=x))
        )

    x = np.arange(3.0) + 1
    np.testing.assert_array_equal(cp.grad(f)(x), [1, 1, 2])
    program = {}
    exec(cp.source(f, x), program)
    assert program["forward"](x)[0] == cp.trace(f, x).output == f(x)
    assert isinstance(np.zeros(3, like=cp.tensor(x)), cp.Tensor)
    assert np.array(["a"], like=cp.tensor(x)).dtype.kind == "U"
    assert DERIVATIVE in {numpy_names.row_of("numpy.full", np.full)[1]}
