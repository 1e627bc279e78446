"""Which functions of a file are formulas: those may be called to try an idea."""

from __future__ import annotations

import dis
from types import FunctionType
from typing import Any

_KNOWN = {"np", "numpy", "torch", "math", "abs", "float", "len", "max", "min", "sum", "range"}
_ACTS = {
    *("rand", "randn", "randint", "rand_like", "randn_like", "manual_seed", "bernoulli"),
    "random",
    "seed",
    "save",
    "savez",
    "savetxt",
    "load",
    "loadtxt",
    "tofile",
    "dump",
    "seterr",
}
_CHANGES = ("STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "IMPORT_NAME", "DELETE", "RAISE")


def is_formula(function: Any, namespace: dict[str, Any], depth: int = 3) -> bool:
    """Whether a function computes with one argument and does nothing else, as ``sigmoid`` does.

    It reads NumPy, plain arithmetic and other formulas; it changes nothing, raises nothing, and
    draws nothing at random. Other functions of the file might train, print or write.

    Parameters
    ----------
    function : object
    namespace : dict
        Of the file.
    depth : int
        How many formulas may stand within one another.

    Examples
    --------
    >>> def sigmoid(x):
    ...     return 1 / (1 + np.exp(-x))
    >>> def report(x):
    ...     print(x)
    >>> is_formula(sigmoid, {}), is_formula(report, {})
    (True, False)
    """
    if not isinstance(function, FunctionType) or not depth:
        return False
    code = function.__code__
    needed = code.co_argcount - len(function.__defaults__ or ())
    if needed != 1 or code.co_kwonlyargcount or code.co_freevars or _ACTS & set(code.co_names):
        return False
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(_CHANGES):
            return False
        name = instruction.argval if instruction.opname == "LOAD_GLOBAL" else "np"
        if name not in _KNOWN and not is_formula(namespace.get(name), namespace, depth - 1):
            return False
    return True
