"""What stands for a name that has no value: using it says why."""

from __future__ import annotations

from typing import Any, NoReturn

from clearprop.errors import NotRunError


class Placeholder:
    """A name whose statement was not run, or failed; whatever is done with it raises.

    Examples
    --------
    >>> x_train = Placeholder("x_train", "line 3 was not run: it calls load")
    >>> x_train[:3]
    Traceback (most recent call last):
    ...
    clearprop.errors.NotRunError: x_train has no value. Why: line 3 was not run: it calls load.
    """

    def __init__(self, name: str, reason: str) -> None:
        self._name = name
        self._reason = reason

    def __repr__(self) -> str:
        return f"<{self._name}: {self._reason}>"

    def _fail(self, *_: Any, **__: Any) -> NoReturn:
        raise NotRunError(f"{self._name} has no value.", why=f"{self._reason}.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy, inspect, NumPy
            raise AttributeError(name)
        self._fail()

    __call__ = __getitem__ = __setitem__ = __iter__ = __len__ = __contains__ = _fail
    __bool__ = __float__ = __int__ = __index__ = __array__ = __enter__ = _fail
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _fail
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = __neg__ = __mod__ = __floordiv__ = _fail
    __lt__ = __le__ = __gt__ = __ge__ = __mro_entries__ = _fail


def why_not(error: BaseException) -> str:
    """Say in a line what was raised; of a name without a value, why it has none."""
    if isinstance(error, NotRunError) and error.why:
        return error.why.removesuffix(".")
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}"
