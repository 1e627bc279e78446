"""Test the tester: planted faults are caught, and named."""

import numpy as np
import pytest

import clearprop as cp
from clearprop.check import check_primitive, numerical_gradient
from clearprop.primitive import PRIMITIVES, Primitive

X = np.linspace(-1.0, 1.0, 6).reshape(2, 3) + 0.05


def planted(rule, body=None, **options):
    """Make a primitive like tanh with a rule of the test's choice."""

    def squash(x):
        return np.tanh(x)

    made = Primitive(body or squash, cases=[cp.Case((2, 3))], **options)
    made.vjp("x")(rule)
    return made


def test_the_right_rule_passes():
    assert check_primitive(planted(lambda dy, y: dy * (1 - y * y))).ok


def test_a_rule_0_05_percent_off_is_caught_by_name():
    wrong = planted(lambda dy, y: dy * (1 - y * y) * 1.0005)
    report = check_primitive(wrong)
    assert not report.ok
    assert "✗ gradient of squash for x: wrong, relative error 5.0e-04" in str(report)
    direct = cp.check(wrong, X)
    assert not direct.ok
    assert "✗ x: wrong, relative error 5.0e-04 at x[" in str(direct)


def test_a_nan_is_caught_by_name():
    def rule(dy, y):
        return np.where(y > 0.5, np.nan, dy * (1 - y * y))

    report = check_primitive(planted(rule))
    assert not report.ok
    assert "✗ gradient of squash for x: wrong" in str(report)
    assert "The gradient is nan." in str(report)


def test_a_second_order_error_is_caught_by_name():
    def rule(dy, y):
        plain = y.value if isinstance(y, cp.Tensor) else y  # cut off from the record
        return dy * (1 - plain * plain)

    report = check_primitive(planted(rule))
    first = [f for f in report.findings if f.name == "gradient of squash for x"]
    assert all(f.verdict == "correct" for f in first)
    assert "✗ second derivative of squash for x: wrong" in str(report)


def test_a_rule_that_widens_float32_is_caught():
    report = check_primitive(
        planted(lambda dy, y: dy * (1 - y * y), body=lambda x: np.tanh(x).astype(np.float64))
    )
    assert any("float32 through" in f.name and f.verdict == "wrong" for f in report.findings)


def test_a_rule_that_writes_into_dy_is_caught():
    def rule(dy, y):
        if isinstance(dy, np.ndarray):
            dy *= 1 - y * y
            return dy
        return dy * (1 - y * y)

    report = check_primitive(planted(rule))
    assert "✗ gradient of squash: wrong" in str(report)
    assert "The rule of squash for x wrote into dy" in str(report)


def test_a_transposed_gradient_is_a_wrong_shape():
    wrong = planted(lambda dy, y: (dy * (1 - y * y)).T)
    with pytest.raises(cp.errors.ShapeError, match="The rule of squash for x gave shape"):
        cp.grad(lambda x: np.sum(wrong(x)))(X)


def test_report_says_where_and_what():
    wrong = planted(lambda dy, y: dy * (1 - y * y) + (y > 0.7))
    report = cp.check(wrong, X)
    (finding,) = report.findings
    assert finding.verdict == "wrong"
    y = np.tanh(X[finding.where])
    assert finding.expected == pytest.approx(finding.found - 1, rel=1e-6), (
        "the planted 1 is what is too much"
    )
    assert y > 0.7
    assert '"verdict": "wrong"' in report.to_json()


def test_a_kink_is_not_judged_and_that_is_said():
    report = cp.check(lambda x: np.sum(np.abs(x)), np.array([0.0, 1.0]))
    assert report.ok
    assert "1 of 2 elements judged" in str(report)
    assert "kink" in str(report)


def test_only_a_kink_is_no_pass():
    report = cp.check(np.abs, np.array([0.0]))
    assert not report.ok
    assert "not judged" in str(report)


def test_a_function_with_a_random_draw_is_not_judged():
    rng = np.random.default_rng(0)
    report = cp.check(lambda x: np.sum(x * rng.normal(size=3)), np.ones(3))
    assert not report.ok
    assert "two values for one input" in str(report)


def test_nothing_to_check_is_an_error():
    with pytest.raises(cp.errors.DTypeError, match="there is nothing to check"):
        cp.check(lambda n: np.float64(3.0), np.array([1, 2]))


def test_a_slope_of_nearly_nothing_is_no_error_of_100_percent():
    def root(x):
        r = 1.0
        for _ in range(6):
            r = 0.5 * (r + 2.0 / r) + 0 * x
        return r

    assert "largest relative error 0.0e+00" in str(cp.check(root, 1.0))


def test_float32_is_judged_against_float64():
    x = np.linspace(0.1, 1.0, 5, dtype=np.float32)
    assert cp.check(lambda x: np.sum(np.exp(np.sin(x))), x).ok
    wrong = planted(lambda dy, y: dy * (1 - y * y) * 1.002)
    assert not cp.check(wrong, x).ok


def test_large_arrays_are_sampled_and_that_is_said():
    report = cp.check(lambda W: np.sum(np.tanh(W)), np.ones((100, 100)), samples=20)
    assert "20 of 10000 elements judged" in str(report)


def test_nested_arguments_are_named():
    report = cp.check(lambda p: np.sum(p["W"] ** 2), {"W": np.ones(2)})
    assert [f.name for f in report.findings] == ["p['W']"]


def test_inputs_are_not_written_to():
    x = X.copy()
    x.flags.writeable = False
    assert cp.check(lambda x: np.sum(x * x), x).ok


def test_numerical_gradient_in_both_dtypes():
    for dtype, tolerance in ((np.float64, 1e-9), (np.float32, 1e-3)):
        x = np.array([1e-3, 1.0, 4.0], dtype)
        g = numerical_gradient(lambda x: np.sum(x * x), x)
        assert g.dtype == dtype
        np.testing.assert_allclose(g, 2 * x, rtol=tolerance, atol=tolerance)
    assert numerical_gradient(lambda x: x**3, 2.0) == pytest.approx(12.0)


RULES = [
    (p, position)
    for p in PRIMITIVES.values()
    for position in p.rules
    # the derivative of these is 0 wherever there is one
    if (p.name, p.operands[position])
    not in (("heaviside", "x1"), ("copysign", "x2"), ("nextafter", "x2"))
]


@pytest.mark.parametrize(
    ("primitive", "position"), RULES, ids=[f"{p.name}-{p.operands[i]}" for p, i in RULES]
)
def test_every_rule_0_05_percent_off_is_caught(primitive, position, monkeypatch):
    """No rule of ours could be that wrong without our own tests saying so."""
    rule = primitive.rules[position]
    right = rule.function
    monkeypatch.setattr(rule, "function", lambda *args, **kwargs: right(*args, **kwargs) * 1.0005)
    for short_way in ("quick", "into", "over"):
        monkeypatch.setattr(rule, short_way, None)
    report = check_primitive(primitive)
    assert not report.ok
    name = f"gradient of {primitive.name} for {primitive.operands[position]}"
    assert any(f.name == name and f.verdict == "wrong" for f in report.findings)


@pytest.mark.parametrize(
    ("name", "operand", "form"), [("getitem", 0, "into"), ("setitem", 0, "over")]
)
def test_the_forms_in_place_are_checked_too(name, operand, form, monkeypatch):
    rule = PRIMITIVES[name].rules[operand]
    right = getattr(rule, form)

    def wrong(first, *args, **kwargs):
        result = right(first, *args, **kwargs)
        first *= 1.0005
        return result

    def f(x):
        B = x * 1.0
        B[0] = x[1] * x[2]
        B[1] = B[0] * x[0]
        return np.sum(B * B)

    x = np.array([0.5, 1.5, 2.0])
    assert cp.check(f, x).ok
    monkeypatch.setattr(rule, form, wrong)
    assert not cp.check(f, x).ok


def test_a_prompt_shows_the_report_as_it_is_printed():
    report = cp.check(np.sin, 1.0)
    assert repr(report) == str(report)
    assert "the gradient is correct" in repr(report)
