"""The packages that training needs, looked for before it starts."""

from __future__ import annotations

from clearprop.extras import require

_NEEDED = {
    "safetensors.numpy": "writes the weights",
    "matplotlib.backends.backend_agg": "draws the curves",
    "threadpoolctl": "tells which BLAS computes",
}


def require_extra() -> None:
    """Import what the extra ``train`` installs; an error says what is not there.

    Raises
    ------
    MissingExtraError
        A package cannot be imported.

    Examples
    --------
    >>> require_extra()
    """
    for module, purpose in _NEEDED.items():
        require(module, "train", purpose)
