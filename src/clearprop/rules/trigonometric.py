"""Sines and their inverses; angles are in radians."""

import numpy as np

from clearprop.primitive import primitive


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
