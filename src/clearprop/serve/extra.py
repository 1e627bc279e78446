"""The packages that the playground needs, looked for before it starts."""

from __future__ import annotations

import importlib

from clearprop.errors import MissingExtraError

NEEDED = {"starlette": "answers the browser", "uvicorn": "listens for it"}


def require_extra() -> None:
    """Import what the extra ``serve`` installs.

    Raises
    ------
    MissingExtraError
        A package cannot be imported.
    """
    for name, purpose in NEEDED.items():
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == name
            problem = "is not installed" if missing else f"cannot be imported: {error}"
            raise MissingExtraError(
                f"serve: {name} {problem}.",
                why=f"it {purpose}, and comes with the extra 'serve'.",
                write="pip install 'clearprop[serve]'",
            ) from error
