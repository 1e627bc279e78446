"""The same number of threads for every library: by environment variables and by processors."""

from __future__ import annotations

import os
from pathlib import Path

POOLS = (
    "OMP_NUM_THREADS",  # PyTorch, and OpenBLAS built with OpenMP
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def environment(threads: int, cache: Path) -> dict[str, str]:
    """Give the environment of a worker; compilers keep what they compile in `cache`."""
    eigen = "true" if threads > 1 else "false"
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={eigen}".strip()
    given = dict(os.environ)
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its bytecode, as peers have
    return {
        **given,
        **dict.fromkeys(POOLS, str(threads)),
        "XLA_FLAGS": flags,  # the size of XLA's pool is the number of processors that it may use
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
        "XDG_CACHE_HOME": str(cache / "xdg"),
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "PYTHONPATH": os.pathsep.join(
            [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }


def pin(threads: int) -> list[int]:
    """Let this process run on so many processors only."""
    if not hasattr(os, "sched_setaffinity"):
        return []
    processors = sorted(os.sched_getaffinity(0))
    if len(processors) < threads:
        raise SystemExit(f"{threads} threads on {len(processors)} processors.")
    os.sched_setaffinity(0, processors[:threads])
    return processors[:threads]
