"""SciPy's special functions, a file a family. Importing this package registers them all."""

from clearprop.rules.special import bessel, boxcox, elementary, gamma, integrals, series

__all__ = ["bessel", "boxcox", "elementary", "gamma", "integrals", "series"]
