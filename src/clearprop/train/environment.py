"""What decides the last bits of a run besides its settings."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.data import DataSet

# A rerun with another value of one of these may differ in the last bits; the data, in all.
DECISIVE = ("clearprop", "numpy", "blas", "machine_code", "data_sha256")


def describe_environment(
    data: DataSet | None = None, *, machine_code: bool = False
) -> dict[str, Any]:
    """Versions, the BLAS that NumPy computes with, and the SHA-256 of the data.

    Parameters
    ----------
    data : DataSet, optional
        Data to be recognised in a rerun; none for those that come with clearprop.
    machine_code : bool, default False
        Whether the run is compiled: then its compiler and its processor count too.

    Returns
    -------
    dict

    Examples
    --------
    >>> sorted(describe_environment())
    ['blas', 'clearprop', 'numpy', 'python', 'system']
    """
    import threadpoolctl

    import clearprop

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    # SciPy brings another one, and they come in any order
    pools.sort(key=lambda pool: ("numpy" not in pool["filepath"], pool["filepath"]))
    names = (
        " ".join(
            str(pool[key]) for key in ("internal_api", "version", "architecture") if key in pool
        )
        for pool in pools[:1]
    )
    environment = {
        "clearprop": clearprop.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": next(names, "unknown"),  # one that cannot be asked, such as Accelerate
        "system": platform.platform(),
    }
    if machine_code:
        environment["machine_code"] = _compiler()
    if data is not None:
        digest = hashlib.sha256()
        for array in (*data.train, *data.test):
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        environment["data_sha256"] = digest.hexdigest()
    return environment


def _compiler() -> str:
    try:
        import llvmlite

        from clearprop.compile.machine.engine import this_processor
    except ImportError:
        return "none"
    return f"llvmlite {llvmlite.__version__} {this_processor().name}"


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two environments, as words, of that which decides numbers.

    Examples
    --------
    >>> differences({"numpy": "2.0.0", "python": "3.11.1"}, {"numpy": "2.4.0", "python": "3.13.0"})
    ['numpy was 2.0.0 and is 2.4.0']
    """
    return [
        f"{name} was {before.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in DECISIVE
        if before.get(name) != now.get(name)
    ]
