"""What all distributions have in common: location and scale, the support, and parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from clearprop.errors import ArgumentsError, MissingMethodError
from clearprop.scipy.arguments import array, floats, result


class Distribution:
    r"""A distribution of SciPy's, as a function of its argument and of all its parameters.

    Its methods have SciPy's signature, ``logpdf(x, *shapes, loc=0, scale=1)``: for
    :math:`z = (x - loc) / scale` the density is that of z divided by the scale. Outside of the
    support it is 0, and its derivatives are; parameters that are none give NaN.

    Called with parameters, it gives a distribution that has them: ``norm(1.0, 2.0).logpdf(x)``.
    """

    shapes: tuple[str, ...] = ()
    options: tuple[tuple[str, float], ...] = (("loc", 0), ("scale", 1))
    interior = 0.5  # a number in the support, which stands for those that are not
    lowest, highest = -math.inf, math.inf  # of the support of z
    step = 0.0  # from one number of the support to the next

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwds: Any) -> Frozen:
        """Give a distribution with these parameters."""
        return Frozen(self, args, kwds)

    def __repr__(self) -> str:
        return f"clearprop.scipy.stats.{self.name}"

    # ---- what a distribution says of z ---------------------------------------------------------

    def allows(self, *shapes: Any) -> Any:
        """Whether these are parameters of the distribution."""
        allowed: Any = True
        for shape in shapes:
            allowed = allowed & (shape > 0)
        return allowed

    def log_density(self, z: Any, *shapes: Any) -> Any:
        """Give the logarithm of the density, or of the probability, of z in the support."""
        raise NotImplementedError

    def below(self, z: Any, *shapes: Any) -> Any:
        """Give the probability of less than z, for z in the support."""
        raise MissingMethodError(
            f"clearprop.scipy.stats.{self.name} has no cdf.",
            why="It has no simple derivative.",
            write=f"cp.scipy.stats.{self.name}.log{'pdf' if self.options[1:] else 'pmf'}(…)",
        )

    def above(self, z: Any, *shapes: Any) -> Any:
        """Give the probability of more than z, for z in the support."""
        return 1 - self.below(z, *shapes)

    def log_below(self, z: Any, *shapes: Any) -> Any:
        """Give the logarithm of `below`."""
        return np.log(self.below(z, *shapes))

    def log_above(self, z: Any, *shapes: Any) -> Any:
        """Give the logarithm of `above`."""
        return np.log(self.above(z, *shapes))

    def _holds(self, z: Any, *shapes: Any) -> Any:
        inside = np.isfinite(z)
        if self.lowest > -math.inf:
            inside = inside & (z >= self.lowest)
        return inside if self.highest == math.inf else inside & (z <= self.highest)

    # ---- SciPy's methods -----------------------------------------------------------------------

    def cdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the probability of at most x."""
        return self._cumulative(self.below, (0.0, 1.0), x, args, kwds)

    def logcdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the logarithm of the probability of at most x."""
        return self._cumulative(self.log_below, (-np.inf, 0.0), x, args, kwds)

    def sf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the probability of more than x."""
        return self._cumulative(self.above, (1.0, 0.0), x, args, kwds)

    def logsf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the logarithm of the probability of more than x."""
        return self._cumulative(self.log_above, (0.0, -np.inf), x, args, kwds)

    def _cumulative(
        self, function: Any, beyond: tuple[float, float], x: Any, args: Any, kwds: Any
    ) -> Any:
        z, _, shapes, allowed = self._standard(x, args, kwds)
        z = self._whole(z)
        low, high = self._limits(*shapes)
        inside = (z > low - self.step / 2) & (z < high)
        with np.errstate(divide="ignore"):  # log(0) at an end of the support, as it should be
            found = function(np.where(inside, z, self._inside(*shapes)), *shapes)
        found = np.where(inside, found, np.where(z < high, *beyond))
        return result(np.where(allowed & ~np.isnan(z), found, np.nan))

    def _limits(self, *shapes: Any) -> tuple[Any, Any]:
        return self.lowest, self.highest

    def _inside(self, *shapes: Any) -> Any:
        return self.interior

    def _whole(self, z: Any) -> Any:
        return z

    def _log(self, x: Any, args: Any, kwds: Any) -> Any:
        """Give the logarithm of the density of x; outside of the support -inf."""
        z, scale, shapes, allowed = self._standard(x, args, kwds)
        inside = self._holds(z, *shapes)
        z_inside = np.where(inside, z, self._inside(*shapes))
        with np.errstate(divide="ignore"):  # the density is 0 at an end of some supports
            log = self.log_density(z_inside, *shapes)
        log = np.where(inside, log if scale is None else log - np.log(scale), -np.inf)
        return result(np.where(allowed & ~np.isnan(z), log, np.nan))

    def _standard(self, x: Any, args: Any, kwds: Any) -> tuple[Any, Any, list[Any], Any]:
        """Give z, the scale, the shapes, and whether the parameters are allowed.

        Where they are not, those of a distribution stand in their place: no derivative is NaN
        because of a number that has been replaced.
        """
        given = self._given(args, kwds)
        shapes, scale = [given[name] for name in self.shapes], given.get("scale")
        allowed = self.allows(*shapes) & (True if scale is None else scale > 0)
        usual = self._usual()
        shapes = [np.where(allowed, s, u) for s, u in zip(shapes, usual, strict=True)]
        z = floats(x) - given["loc"]
        if scale is None:
            return z, None, shapes, allowed
        scale = np.where(allowed, scale, 1.0)
        return z / scale, scale, shapes, allowed

    def _usual(self) -> list[float]:
        return [1.0] * len(self.shapes)

    def _given(self, args: Any, kwds: dict[str, Any]) -> dict[str, Any]:
        """Sort arguments by SciPy's signature."""
        names = [*self.shapes, *(name for name, _ in self.options)]
        given = dict(zip(names, args, strict=False))
        unknown = [name for name in kwds if name not in names or name in given]
        given = {**dict(self.options), **given, **kwds}
        missing = [name for name in names if name not in given]
        if unknown or missing or len(args) > len(names):
            wrong = f"{', '.join(missing)} is missing" if missing else "one is too many"
            raise ArgumentsError(
                f"{self.name} with {len(args)} parameters and {sorted(kwds)}: {wrong}.",
                write=f"{self.name}.…(x, {', '.join(names)})",
            )
        return {name: floats(value) for name, value in given.items()}


class Continuous(Distribution):
    """A distribution with a density."""

    def logpdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the logarithm of the density."""
        return self._log(x, args, kwds)

    def pdf(self, x: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the density."""
        return np.exp(self._log(x, args, kwds))


class Discrete(Distribution):
    """A distribution of whole numbers: it has no scale, and elsewhere its probability is 0."""

    options = (("loc", 0),)
    interior, lowest, step = 1.0, 0.0, 1.0

    def logpmf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the logarithm of the probability of k."""
        return self._log(k, args, kwds)

    def pmf(self, k: Any, *args: Any, **kwds: Any) -> Any:
        """Compute the probability of k."""
        return np.exp(self._log(k, args, kwds))

    def _holds(self, z: Any, *shapes: Any) -> Any:
        low, high = self._limits(*shapes)
        return (z >= low) & (z <= high) & (np.floor(z) == z) & np.isfinite(z)

    def _whole(self, z: Any) -> Any:
        return np.floor(z)


class Frozen:
    """A distribution with its parameters: ``norm(1.0, 2.0).logpdf(x)``."""

    def __init__(self, distribution: Any, args: Any, kwds: Any) -> None:
        self.distribution = distribution
        self.args, self.kwds = tuple(map(array, args)), {n: array(v) for n, v in kwds.items()}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.distribution, name)
        return lambda x: method(x, *self.args, **self.kwds)
