"""Packages that the extras of clearprop install, looked for where they are needed."""

from __future__ import annotations

import importlib
from typing import Any

from clearprop.errors import MissingExtraError


def require(module: str, extra: str, purpose: str, who: str = "") -> Any:
    """Import a module of a package that an extra installs.

    Parameters
    ----------
    module : str
        ``matplotlib.figure``.
    extra : str
        ``pictures``.
    purpose : str
        What the package does there: ``draws``.
    who : str, optional
        What needs it; by default the extra.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        It cannot be imported: the package is not installed, or it fails itself.

    Examples
    --------
    >>> require("math", "algebra", "computes").sqrt(4)
    2.0
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == package
        problem = "is not installed" if missing else f"cannot be imported: {error}"
        raise MissingExtraError(
            f"{who or extra}: {package} {problem}.",
            why=f"it {purpose}, and comes with the extra '{extra}'.",
            write=f"pip install 'clearprop[{extra}]'",
        ) from error
