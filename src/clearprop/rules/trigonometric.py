"""Sines and their inverses; angles are in radians."""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive


@primitive(np.sin, latex=r"\sin x")
def sin(x):
    return np.sin(x)


@sin.vjp("x", latex=r"\bar y \cos x")
def _(dy, x):
    return dy * np.cos(x)


@primitive(np.cos, latex=r"\cos x")
def cos(x):
    return np.cos(x)


@cos.vjp("x", latex=r"-\bar y \sin x")
def _(dy, x):
    return -dy * np.sin(x)


@primitive(np.tan, latex=r"\tan x", domain=(-1, 1))
def tan(x):
    return np.tan(x)


@tan.vjp("x", latex=r"\bar y\,(1 + y^2)")
def _(dy, y):
    return dy * (1 + y * y)


@primitive(np.arcsin, latex=r"\arcsin x", domain=(-0.8, 0.8))
def arcsin(x):
    return np.arcsin(x)


@arcsin.vjp("x", latex=r"\bar y / \sqrt{1 - x^2}")
def _(dy, x):
    return dy / np.sqrt(1 - x * x)


@primitive(np.arccos, latex=r"\arccos x", domain=(-0.8, 0.8))
def arccos(x):
    return np.arccos(x)


@arccos.vjp("x", latex=r"-\bar y / \sqrt{1 - x^2}")
def _(dy, x):
    return -dy / np.sqrt(1 - x * x)


@primitive(np.arctan, latex=r"\arctan x")
def arctan(x):
    return np.arctan(x)


@arctan.vjp("x", latex=r"\bar y / (1 + x^2)")
def _(dy, x):
    return dy / (1 + x * x)


@primitive(np.arctan2, latex=r"\arg(x_2 + i x_1)", domain=((-2, 2), (0.5, 2)))
def arctan2(x1, x2):
    return np.arctan2(x1, x2)


@arctan2.vjp("x1", latex=r"\bar y\,x_2 / (x_1^2 + x_2^2)")
def _(dy, x1, x2):
    return dy * x2 / (x1 * x1 + x2 * x2)


@arctan2.vjp("x2", latex=r"-\bar y\,x_1 / (x_1^2 + x_2^2)")
def _(dy, x1, x2):
    return -dy * x1 / (x1 * x1 + x2 * x2)


@primitive(np.hypot, latex=r"\sqrt{x_1^2 + x_2^2}", domain=((-2, 2), (0.5, 2)))
def hypot(x1, x2):
    return np.hypot(x1, x2)


@hypot.vjp("x1", latex=r"\bar y\,x_1 / y")
def _(dy, x1, y):
    return dy * x1 / np.where(y == 0, 1, y)  # 0 at the tip of the cone, as abs


@hypot.vjp("x2", latex=r"\bar y\,x_2 / y")
def _(dy, x2, y):
    return dy * x2 / np.where(y == 0, 1, y)


@primitive([np.deg2rad, np.radians], latex=r"\frac{\pi}{180} x")
def deg2rad(x):
    return np.deg2rad(x)


@deg2rad.vjp("x", latex=r"\frac{\pi}{180} \bar y")
def _(dy):
    return dy * 0.017453292519943295


@primitive([np.rad2deg, np.degrees], latex=r"\frac{180}{\pi} x")
def rad2deg(x):
    return np.rad2deg(x)


@rad2deg.vjp("x", latex=r"\frac{180}{\pi} \bar y")
def _(dy):
    return dy * 57.29577951308232


@primitive(
    np.sinc,
    kind=ELEMENTWISE,
    latex=r"\frac{\sin \pi x}{\pi x}",
    cases=[Case((3, 4)), Case(()), Case((0, 3)), Case(np.array([0.0, 1e-3, 0.031, 0.033, 1.0]))],
)
def sinc(x):
    u = np.where(x == 0, 1e-20, x) * 3.141592653589793
    return np.sin(u) / u


@sinc.vjp("x", latex=r"\bar y\,(\cos \pi x - y) / x")
def _(dy, x, y):
    # Near 0 the difference cancels, so the series of sin(u)/u takes over, to every order the same.
    u = x * 3.141592653589793
    v = u * u
    series = u * (-1 / 3 + v * (1 / 30 - v * (1 / 840 - v * (1 / 45360 - v / 3991680))))
    near = np.abs(x) < 0.1
    far = (np.cos(u) - y) / np.where(near, 1, u)
    return dy * 3.141592653589793 * np.where(near, series, far)
