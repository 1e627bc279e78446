"""Complex numbers: every primitive is right for them or refuses them, in every reader."""

import warnings

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.check.primitives import examples
from clearprop.primitive import PRIMITIVES

Z = np.array([0.8 + 0.6j, 1.2 - 0.7j, -0.5 + 1.1j])
X = np.array([0.3, 0.4, -0.5])


#: What does not depend on the phases of vectors, which no decomposition determines.
WITHOUT_PHASES = {
    "eigh": lambda w, v: (w, v[..., :, None, :] * np.conj(v[..., None, :, :])),
    "svd": lambda u, s, vh: (
        s,
        u[..., :, None, :] * np.swapaxes(vh, -1, -2)[..., None, :, :],
        np.abs(u) ** 3,
        np.abs(vh) ** 3,
    ),
}


def is_float(value):
    return getattr(getattr(value, "dtype", None), "kind", "") == "f"


def made_complex(x, rng):
    size = rng.uniform(0.2, 0.7, np.shape(x))
    return (x + 1j * np.where(rng.random(np.shape(x)) < 0.5, -size, size))[()]


def calls_with_complex_operands(p, *, every):
    """Give calls with complex operands that NumPy takes: all of them complex, or only one."""
    rng = np.random.default_rng(1)
    for operands, attributes in examples(p, np.random.default_rng(0)):
        floats = [i for i, x in enumerate(operands) if is_float(x)]
        choices = [floats, *([[i] for i in floats] if len(floats) > 1 else [])]
        found = False
        for chosen in choices if floats and "dtype" not in attributes else []:
            given = [made_complex(x, rng) if i in chosen else x for i, x in enumerate(operands)]
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("error", np.exceptions.ComplexWarning)
                    y = p.implementation(*given, **attributes)
            except (TypeError, np.exceptions.ComplexWarning):
                continue
            found = True
            yield given, attributes, floats, y
        if found and not every:
            return


def moves(f, xs, vs, h=1e-5):
    """Differentiate in a direction by differences, extrapolated."""

    def at(t):
        y = f(*(x + t * v for x, v in zip(xs, vs, strict=True)))
        return [np.asarray(part) for part in (y if isinstance(y, tuple) else (y,))]

    for a, b, c, d in zip(at(h), at(-h), at(h / 2), at(-h / 2), strict=True):
        wide, narrow = (a - b) / (2 * h), (c - d) / h
        yield (4 * narrow - wide) / 3


def is_right_or_refused(p, *, every):
    for given, attributes, floats, expected in calls_with_complex_operands(p, every=every):
        active = [i for i in floats if not p.is_constant(i)]

        def f(*xs, given=given, attributes=attributes, active=active):
            full = list(given)
            for i, x in zip(active, xs, strict=True):
                full[i] = x
            y = p(*full, **attributes)
            return WITHOUT_PHASES[p.name](*y) if p.name in WITHOUT_PHASES else y

        xs = [given[i] for i in active]
        if p.instead_of_complex:
            with pytest.raises(errors.DTypeError, match="of complex numbers cannot be recorded"):
                f(*map(cp.tensor, xs))
            continue
        if p.no_derivative:
            continue
        y = cp.vjp(f, *xs)[0]
        parts = y if isinstance(y, tuple) else (y,)
        plain = f(*xs) if p.name in WITHOUT_PHASES else expected
        for a, b in zip(parts, plain if p.outputs > 1 else (plain,), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
        report = cp.check(f, *xs, samples=12)
        assert report.ok, str(report)
        rng = np.random.default_rng(2)
        vs = [rng.normal(size=np.shape(x)) * (1 + 1j * np.iscomplexobj(x)) for x in xs]
        vs = [v if np.iscomplexobj(x) else np.real(v) for x, v in zip(xs, vs, strict=True)]
        found = cp.jvp(f, tuple(xs), tuple(vs))[1]
        for a, b in zip(found if isinstance(found, tuple) else (found,), moves(f, xs, vs),
                        strict=True):  # fmt: skip
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=lambda p: p.name)
def test_a_primitive_is_right_for_complex_numbers_or_refuses_them(primitive):
    is_right_or_refused(primitive, every=False)


@pytest.mark.slow
@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=lambda p: p.name)
def test_a_primitive_is_right_in_all_its_cases(primitive):
    is_right_or_refused(primitive, every=True)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda z: np.real(z), 1),
        (lambda z: np.imag(z), -1j),
        (lambda z: np.abs(z) ** 2, 2 * (3 - 4j)),
        (lambda z: np.abs(z), (3 - 4j) / 5),
        (lambda z: np.angle(z), -1j / (3 + 4j)),
        (lambda z: np.real(z * z), 2 * (3 + 4j)),
        (lambda z: np.real(np.conj(z) * (2 + 1j)), 2 - 1j),
        (lambda z: (z * z.conj()).real, 2 * (3 - 4j)),
        (lambda z: z.real * z.imag, 4 - 3j),
    ],
)
def test_the_gradient_is_that_of_the_real_part_less_i_times_that_of_the_imaginary(f, expected):
    found = cp.grad(f)(3 + 4j)
    assert found.dtype == complex
    assert found == pytest.approx(expected)


def test_numbers_at_which_nothing_is_defined():
    assert cp.grad(np.abs)(0j) == 0
    assert cp.grad(np.linalg.norm)(np.zeros(2, complex)).tolist() == [0, 0]


def test_a_real_argument_has_a_real_gradient():
    g = cp.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + 1) ** 2))(X)
    assert g.dtype == float
    np.testing.assert_allclose(g, -2 * np.sin(X), rtol=1e-12)
    assert cp.grad(lambda x: np.real(2j * x * 1j))(np.float32(3.0)).dtype == np.float32


def mixed(z, x):
    w = np.exp(z) * x + np.conj(z) * (2 - 1j)
    b = np.zeros(4, complex)
    b[1:] = w
    b[0] += z[1] ** 2
    b.imag[2] = x[0]
    b.real *= 2
    return np.sum(np.abs(b) ** 2) + np.real(np.vdot(z, w)) + np.sum(np.var(w) * x)


def test_single_precision_stays():
    g = cp.grad(mixed, (0, 1))(Z.astype(np.complex64), X.astype(np.float32))
    assert [part.dtype for part in g] == [np.complex64, np.float32]


def test_all_readers_say_the_same():
    assert cp.check(mixed, Z, X).ok
    expected = cp.grad(mixed, (0, 1))(Z, X)
    compiled = cp.compile(cp.grad(mixed, (0, 1)))
    graph = cp.trace(mixed, Z, X)
    d = graph.backward()
    space = {}
    exec(cp.source(mixed, Z, X), space)
    again = cp.grad(lambda z, x: mixed(cp.checkpoint(lambda u: u * 1)(z), x), (0, 1))(Z, X)
    written = space["gradients"](Z, X)[1]
    for found in (compiled(Z, X), (d["z"], d["x"]), written, again):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    other = compiled(2 * Z, X)
    for a, b in zip(other, cp.grad(mixed, (0, 1))(2 * Z, X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert "j" in d.to_svg()
    assert "complex numbers, with which no page computes" in d.to_html()


def test_second_derivatives():
    v = Z * (0.3 + 1j)
    gradient = cp.grad(mixed)
    h = 1e-5
    expected = (gradient(Z + h * v, X) - gradient(Z - h * v, X)) / (2 * h)
    np.testing.assert_allclose(cp.hvp(mixed)(Z, X, v), expected, rtol=1e-7)
    np.testing.assert_allclose(
        cp.hessian(lambda z: np.real(np.sum(z**3)))(Z), np.diag(6 * Z), atol=1e-12
    )


def test_jacobians():
    found = cp.jacobian(lambda z: np.exp(z) * z[0])(Z)
    expected = np.diag(np.exp(Z) * Z[0])
    expected[:, 0] += np.exp(Z)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    of_real = cp.jacobian(lambda x: np.exp(1j * x))(X)
    np.testing.assert_allclose(of_real, np.diag(1j * np.exp(1j * X)), rtol=1e-12)
    to_real = cp.jacobian(lambda z: np.abs(z) ** 2)(Z)
    np.testing.assert_allclose(to_real, np.diag(2 * np.conj(Z)), rtol=1e-12)
    for f in (np.conj, lambda z: z * np.abs(z)):
        with pytest.raises(errors.DTypeError, match="not holomorphic"):
            cp.jacobian(f)(Z)
    with pytest.raises(errors.DTypeError, match="not holomorphic"):
        cp.hessian(lambda z: np.sum(np.abs(z) ** 3))(Z)


def test_a_wrong_rule_is_found_and_shown():
    @cp.primitive
    def turned(x):
        return np.conj(x) * x

    @turned.vjp("x")
    def _(dy, x):
        return dy * x

    report = cp.check(turned, Z)
    assert not report.ok
    assert "j, expected" in str(report)
    assert "j" in report.to_json()


def into_a_real_buffer(z):
    b = np.zeros(3)
    b[0] = z[0]
    return np.sum(b)


def into_a_whole_real_buffer(z):
    b = np.zeros(3)
    b += z
    return np.sum(b)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (np.exp, "derivative starts at a real number"),
        (lambda z: 1j, "derivative starts at a real number"),
        (into_a_real_buffer, "do not fit into an array of float64"),
        (into_a_whole_real_buffer, "out is of float64"),
        (lambda z: np.sum(z.astype(float)), "do not fit"),
        (lambda z: np.put(np.real(z) * 1, [0], z[:1]), "do not fit"),
        (lambda z: np.add.at(np.real(z) * 1, [0], z[:1]), "do not fit"),
        (lambda z: np.copyto(np.real(z) * 1, z), "do not fit"),
        (lambda z: abs(complex(z[0])), r"complex\(\) of a recorded value"),
        (lambda z: cp.algebra(cp.trace(lambda u: np.abs(u), z), "u"), "as a formula"),
        (lambda z: np.abs(np.sum(np.sign(z))), r"Write instead: z / np.abs\(z\)"),
        (lambda z: np.abs(np.sum(np.floor(z))), "ufunc 'floor' not supported"),
    ],
)
def test_what_would_be_wrong_or_lost_is_refused(f, what):
    z = Z[0] if f is np.exp else Z
    with pytest.raises((errors.ClearpropError, TypeError), match=what):
        cp.grad(f)(z)


def test_a_complex_cotangent_or_tangent_of_what_is_real_is_refused():
    with pytest.raises(errors.DTypeError, match="dy is complex"):
        cp.vjp(np.abs, Z)[1](Z)
    with pytest.raises(errors.DTypeError, match="A tangent is an array of complex128"):
        cp.jvp(np.sin, (X,), (Z,))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.vdot(z, z * 2j),
        lambda z: np.vecdot(z, z**2),
        lambda z: np.linalg.norm(z, 3),
        lambda z: np.linalg.norm(np.outer(z, z), 1),
        lambda z: np.var(z, ddof=1),
        lambda z: np.std(z),
        lambda z: np.cov(z, z**2),
        lambda z: np.corrcoef(z, z**2)[0, 1],
        lambda z: np.correlate(z, z[:2] * 1j),
        lambda z: np.convolve(z, z[:2]),
        lambda z: np.nan_to_num(z),
        lambda z: np.average(z, weights=z),
        lambda z: np.sort(z),
        lambda z: np.max(z),
        lambda z: np.linspace(z[0], z[1], 4),
        lambda z: np.interp(np.array([0.3, 1.7]), np.arange(3.0), z),
        lambda z: np.float_power(z, 2),
        lambda z: np.real_if_close(z),
        lambda z: np.angle(z, deg=True),
        lambda z: np.trapezoid(z, z**2),
        lambda z: np.gradient(z),
        lambda z: np.power(-2.0, z),
        lambda z: np.add.reduce(z, initial=1j, where=np.array([True, False, True])),
    ],
)
def test_compositions(f):
    expected, found = f(Z), cp.vjp(f, Z)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == expected.dtype
    report = cp.check(f, Z)
    assert report.ok, str(report)


def test_questions():
    def f(z):
        assert np.iscomplexobj(z)
        assert not np.isrealobj(z)
        assert np.iscomplex(z).all()
        assert not np.isreal(z).any()
        assert np.isclose(z, z + 1e-12).all()
        return np.sum(np.abs(z))

    cp.grad(f)(Z)


def test_a_refused_primitive_refuses_complex_numbers_whose_result_is_real():
    sigmoid = PRIMITIVES["sigmoid"]
    with pytest.raises(errors.DTypeError, match=r"sigmoid of complex.*1 / \(1 \+ np.exp\(-z\)\)"):
        cp.vjp(sigmoid, Z)


def test_an_operation_on_complex_numbers_is_computed_once(monkeypatch):
    fftn, calls = PRIMITIVES["fftn"], []

    def counted(x, **attributes):
        calls.append(1)
        return fftn.function(x, **attributes)

    monkeypatch.setattr(fftn, "implementation", counted)
    cp.grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(np.arange(4.0))
    assert len(calls) == 2  # forward, and backward
