"""The packages that training needs, looked for before it starts."""

from __future__ import annotations

import importlib

from clearprop.errors import MissingExtraError

NEEDED = {
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
    for module, purpose in NEEDED.items():
        name = module.partition(".")[0]
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == name
            problem = "is not installed" if missing else f"cannot be imported: {error}"
            raise MissingExtraError(
                f"train: {name} {problem}.",
                why=f"it {purpose}, and comes with the extra 'train'.",
                write="pip install 'clearprop[train]'",
            ) from error
