"""SciPy's own Python functions, which make recorded values plain: what to write instead.

Its special ufuncs are recorded as they are. Its Python functions begin with ``np.asarray(x)``, in a
file of SciPy's: the error has to name the function that the user called, and the user's line.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from types import CellType, FrameType, FunctionType, TracebackType
from typing import Any, NamedTuple

import numpy as np

from clearprop.buffers import nothing_computes_with
from clearprop.errors import ClearpropError, LostGradientError, MissingRuleError
from clearprop.operands import holds_recorded
from clearprop.places import expression_at, installed_folders, is_users, line_of

_LONGEST = 60  # characters of arguments that are shown again

#: What NumPy has that is recorded here, in the place of what clearprop.scipy has not.
_NUMPYS = {
    "scipy.linalg.eigh": "np.linalg.eigh",
    "scipy.linalg.eigvalsh": "np.linalg.eigvalsh",
    "scipy.linalg.svd": "np.linalg.svd",
    "scipy.linalg.svdvals": "np.linalg.svdvals",
    "scipy.linalg.qr": "np.linalg.qr",
    "scipy.linalg.norm": "np.linalg.norm",
    "scipy.linalg.pinv": "np.linalg.pinv",
    "scipy.linalg.kron": "np.kron",
    "scipy.signal.convolve": "np.convolve",
    "scipy.signal.fftconvolve": "np.convolve",
    "scipy.signal.correlate": "np.correlate",
    "scipy.integrate.trapezoid": "np.trapezoid",
    "scipy.interpolate.interp1d": "np.interp(…, {})",  # where it is to be known, first
}

_NOTHING_COMPUTES_WITH = [nothing_computes_with(np.dtype(d)) for d in (np.float64, np.float32)]

#: A frame, and the instruction at which it stands.
Step = tuple[FrameType, int]


class Call(NamedTuple):
    """A call of SciPy in the user's code.

    Attributes
    ----------
    name : str
        ``scipy.special.logsumexp``; ``scipy`` where it cannot be told.
    where : str or None
        The user's line.
    arguments : str
        As they stand in that line; an ellipsis where they cannot be read, or are long.
    frame : FrameType
        Of the function that was called.
    frozen : str or None
        The parameters of a frozen distribution, as they stand in that line, where it is one.
    """

    name: str
    where: str | None
    arguments: str
    frame: FrameType
    frozen: str | None = None

    @property
    def instead(self) -> str:
        """The line to write instead."""
        ours = f"cp.{self.name}"
        if self.name.count(".") > 1 and _found(ours) is not None:
            if self.frozen is not None:
                distribution, _, method = ours.rpartition(".")
                return f"{distribution}({self.frozen}).{method}({self.arguments})"
            return f"{ours}({self.arguments})"
        what = self.name.rpartition(".")[2]
        if self.name.startswith("scipy.sparse"):
            return "A.toarray() @ x, where A is the sparse matrix"
        numpys = _NUMPYS.get(self.name)
        if self.name.startswith("scipy.fft.") and hasattr(np.fft, what):
            numpys = f"np.fft.{what}"
        if numpys is not None:
            return (numpys if "(" in numpys else f"{numpys}({{}})").format(self.arguments)
        return f"@cp.primitive(...) with its rule, or {what} in terms of functions that have one."


def lost(what: str) -> LostGradientError | None:
    """Make the error for a value that SciPy is making plain; None where it is not SciPy."""
    call = _running()
    return None if call is None else _error(call, what)


def missing() -> MissingRuleError | None:
    """Make the error for a function without a rule that SciPy calls; None where it is not SciPy."""
    call = _running()
    if call is None:
        return None
    return MissingRuleError(
        f"{call.name} has no derivative here.",
        where=call.where,
        why="It is a Python function of SciPy's, and what it calls has no rule.",
        write=call.instead,
    )


def told(error: BaseException) -> ClearpropError | None:
    """Make of an error of SciPy's, in a call with recorded arguments, one that says what to write.

    An array that became recorded has a dtype that nothing computes with, so that SciPy's own
    errors are about that. None for any other error.
    """
    if isinstance(error, SystemError):  # compiled code of SciPy's did not look for our error
        cause = error.__cause__ or error.__context__
        return cause if isinstance(cause, ClearpropError) else None
    call = _call(reversed(list(_steps_of(error.__traceback__))))
    if call is None or not any(map(_was_recorded, call.frame.f_locals.values())):
        return None
    return _error(call, "a recorded value")


def _was_recorded(value: Any) -> bool:
    """Whether a value is recorded, or the memory of what became so, or a function of such."""
    if isinstance(value, FunctionType):
        return any(map(_holds_recorded, value.__closure__ or ()))
    return holds_recorded(value) or getattr(value, "dtype", None) in _NOTHING_COMPUTES_WITH


def _holds_recorded(cell: CellType) -> bool:
    try:
        return holds_recorded(cell.cell_contents)
    except ValueError:  # a variable that has no value yet
        return False


def _error(call: Call, what: str) -> LostGradientError:
    return LostGradientError(
        f"{call.name} makes {what} plain, which would cut its gradient.",
        where=call.where,
        why="SciPy's Python functions take plain arrays alone; its special ufuncs are recorded.",
        write=call.instead,
    )


def _running() -> Call | None:
    frame: FrameType | None = sys._getframe(2)
    if "scipy" not in sys.modules:
        return None
    steps: list[Step] = []
    while frame is not None:
        steps.append((frame, frame.f_lasti))
        frame = frame.f_back
    return _call(iter(steps))


def _steps_of(traceback: TracebackType | None) -> Iterator[Step]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _call(steps: Iterator[Step]) -> Call | None:
    """Find the call of SciPy among frames, the innermost first; None where that is not SciPy's."""
    inside: list[FrameType] = []
    for frame, instruction in steps:
        if _package(frame) == "scipy":
            inside.append(frame)
        elif not is_users(frame.f_code):
            continue  # clearprop and NumPy, which SciPy calls
        elif not inside:
            return None
        elif not frame.f_code.co_filename.startswith(installed_folders()[:2]):
            place = ((frame.f_code, instruction),)
            line = line_of(place)
            where = None if line is None else str(line)
            name, called = _name_of(inside)
            expression = expression_at(place)
            frozen = _frozen(expression, called)
            return Call(name, where, _arguments(expression, name), called, frozen)
    return None


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _name_of(frames: list[FrameType]) -> tuple[str, FrameType]:
    """Name the function of SciPy that the outermost frame of SciPy is in, and give its frame."""
    for frame in reversed(frames):
        for home, name in _names(frame):
            parts = home.split(".")
            private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
            for count in range(private, 1, -1):
                dotted = ".".join([*parts[:count], name])
                if _found(dotted) is not None:
                    return dotted, frame
    return "scipy", frames[-1]


def _names(frame: FrameType) -> list[tuple[str, str]]:
    """Give the names that the function of a frame may have, each with its module."""
    home, name = str(frame.f_globals["__name__"]), frame.f_code.co_name
    owner = frame.f_locals.get("self")
    if owner is None:
        wrapped = [f for f in frame.f_locals.values() if isinstance(f, FunctionType)]
        names = [(f.__module__, f.__name__) for f in wrapped if f.__module__.startswith("scipy.")]
        return names if name.startswith("_") else [(home, name), *names]
    owner = getattr(owner, "dist", owner)  # of a frozen distribution
    kind = type(owner).__name__.removesuffix("_gen").removesuffix("_frozen")
    named = [str(getattr(owner, "name", kind)), kind]
    if not name.startswith("_"):
        named = [*(f"{each}.{name}" for each in named), *named]
    return [(home, each) for each in named]


def _found(dotted: str) -> Any:
    """Give what a dotted name leads to; None where it leads nowhere."""
    first, *rest = dotted.split(".")
    try:
        found: Any = importlib.import_module("clearprop" if first == "cp" else first)
        for part in rest:
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def _arguments(expression: Any, name: str) -> str:
    """Write the arguments of a call as they stand in the user's line."""
    if not isinstance(expression, ast.Call):
        return "…"
    called = expression.func
    spelled = getattr(called, "attr", None) or getattr(called, "id", None)
    if spelled != name.rpartition(".")[2]:
        return "…"
    return _written(expression)


def _frozen(expression: Any, called: FrameType) -> str | None:
    """Write the parameters of a frozen distribution; None where a call is of none."""
    if not hasattr(called.f_locals.get("self"), "dist"):
        return None
    made = getattr(getattr(expression, "func", None), "value", None)
    return _written(made) if isinstance(made, ast.Call) else "…"


def _written(call: ast.Call) -> str:
    text = ", ".join(ast.unparse(part) for part in [*call.args, *call.keywords])
    return text if len(text) <= _LONGEST else "…"
