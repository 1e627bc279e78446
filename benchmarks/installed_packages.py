"""Differentiate functions of installed packages that know nothing of clearprop, and check them.

    pip install filterpy seawater numpy-financial lmfit pyswarms transforms3d
    python benchmarks/installed_packages.py

Each function is checked against a numerical derivative. What a package lacks, or what cannot be
differentiated, is printed with its reason.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

import clearprop as cp

Case = tuple[str, Callable[..., Any], tuple[Any, ...]]
rng = np.random.default_rng(0)


def filterpy() -> Iterator[Case]:
    from filterpy import common, kalman, stats

    measured = np.cumsum(rng.normal(size=10))

    def likelihood(noise: Any) -> Any:
        f = kalman.KalmanFilter(dim_x=2, dim_z=1)
        f.F, f.H = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
        f.P *= 10.0
        f.R *= noise[0]
        f.Q = common.Q_discrete_white_noise(2, dt=1.0, var=noise[1])
        total = 0.0
        for z in measured:
            f.predict()
            f.update(z)
            total += np.log(np.linalg.det(f.S)) + (f.y.T @ np.linalg.inv(f.S) @ f.y)[0, 0]
        return total / 2

    P, F = np.eye(2) * 3, np.array([[1.0, 1.0], [0.0, 1.0]])
    S = np.array([[2.0, 0.3], [0.3, 1.0]])

    def one_step(x: Any, P: Any, z: Any) -> Any:
        x, P = kalman.predict(x, P, F=F, Q=np.eye(2) * 0.1)
        return kalman.update(x, P, z, R=np.eye(1) * 2, H=np.array([[1.0, 0.0]]))[0]

    yield "KalmanFilter, likelihood", likelihood, (np.array([1.5, 0.3]),)
    yield "predict, update", one_step, (np.array([1.0, 2.0]), P, np.array([0.7]))
    yield "Q_discrete_white_noise", lambda v: common.Q_discrete_white_noise(3, 0.5, v), (0.7,)
    yield "Q_continuous_white_noise", lambda t: common.Q_continuous_white_noise(2, t, 1.0), (0.5,)
    yield "gaussian", stats.gaussian, (0.3, 0.1, 1.2)
    yield "mahalanobis", stats.mahalanobis, (np.array([1.0, 2.0]), np.array([0.0, 1.0]), S)
    yield "logpdf", lambda x: stats.logpdf(x, np.zeros(2), S), (np.array([1.0, 2.0]),)


def seawater() -> Iterator[Case]:
    import seawater as sw

    salt, warmth, depth = np.array([35.0, 34.0]), np.array([10.0, 5.0]), np.array([100.0, 2000.0])
    for name in ("dens", "svel", "ptmp", "cp"):
        yield name, getattr(sw, name), (salt, warmth, depth)
    yield "gpan", sw.gpan, tuple(np.stack([x, x * 0.9]) for x in (salt, warmth, depth))


def numpy_financial() -> Iterator[Case]:
    import numpy_financial as nf

    flows = np.array([-100.0, 30.0, 40.0, 50.0])
    yield "npv", nf.npv, (0.08, flows)
    yield "pv", nf.pv, (0.05, 10.0, -15.0)
    yield "fv", nf.fv, (0.05, 10.0, -15.0, 20.0)
    yield "pmt", nf.pmt, (0.05, 10.0, 20.0)
    yield "nper", nf.nper, (0.05, -10.0, 20.0)
    yield "ipmt", lambda rate, pv: nf.ipmt(rate, 3, 10, pv), (0.05, 20.0)
    yield "mirr", lambda v: nf.mirr(v, 0.05, 0.07), (flows,)
    yield "rate", lambda pmt: nf.rate(10, pmt, 3500.0, -10000.0), (-100.0,)


def lmfit() -> Iterator[Case]:
    from lmfit import lineshapes

    positive = ("lognormal", "thermal_distribution", "powerlaw", "breit_wigner", "dho")
    for name in lineshapes.functions:
        shape = getattr(lineshapes, name, None)
        if shape is None or name == "gaussian2d":
            continue
        x = np.linspace(-3, 3, 7) + (4 if name in (*positive, "damped_oscillator") else 0)
        parameters = inspect.signature(shape).parameters.values()
        free = [p for p in parameters if p.name not in ("x", "form")]
        start = [p.default if isinstance(p.default, int | float) else 0.7 for p in free]
        values = tuple(float(v) + 0.13 * (i + 1) for i, v in enumerate(start))
        keys = [p.name for p in free]
        yield (
            name,
            lambda *v, s=shape, x=x, k=keys: s(x, **dict(zip(k, v, strict=True))),
            values,
        )


def pyswarms() -> Iterator[Case]:
    from pyswarms.utils.functions import single_obj

    for name, f in inspect.getmembers(single_obj, inspect.isfunction):
        x = rng.uniform(0.1, 0.9, size=(4, 2))
        if name == "bukin6":
            x = np.array([-10.0, 0.5]) + x
        if inspect.getmodule(f) is single_obj and not name.startswith("_"):
            yield name, f, (x,)


def transforms3d() -> Iterator[Case]:
    from transforms3d import affines, axangles, euler, quaternions

    q, p, M = np.array([0.9, 0.1, 0.2, 0.3]), rng.normal(size=4), euler.euler2mat(0.1, 0.2, 0.3)
    three = np.array([1.0, 2.0, 1.5])
    yield "quat2mat", quaternions.quat2mat, (q,)
    yield "qmult", quaternions.qmult, (q, p)
    yield "mat2quat", quaternions.mat2quat, (M,)
    yield "compose", affines.compose, (three, np.eye(3), three)
    yield "euler2mat", euler.euler2mat, (0.1, 0.2, 0.3)
    yield "axangle2mat", axangles.axangle2mat, (three, 0.4)


PACKAGES = (filterpy, seawater, numpy_financial, lmfit, pyswarms, transforms3d)


def outcome(f: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """Say what became of one function: ``ok``, or why not."""
    try:
        report = cp.check(f, *args)
    except Exception as error:  # whatever a package or clearprop raises is an outcome
        return f"{type(error).__name__}: {str(error).partition(' Why: ')[0]}"
    return "ok" if report.ok else str(report)


def main() -> None:
    cp.guard(*(package.__name__ for package in PACKAGES))
    warnings.simplefilter("ignore")
    for package in PACKAGES:
        name = package.__name__
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"{name}: not installed")
            continue
        results = [(case, outcome(f, args)) for case, f, args in package()]
        good = [case for case, result in results if result == "ok"]
        found = f"{len(good)} of {len(results)} right"
        print(f"{name} {version(name.replace('_', '-'))}: {found}: {', '.join(good)}")
        for case, result in results:
            if result != "ok":
                print(f"    {case}: {result}")


if __name__ == "__main__":
    main()
