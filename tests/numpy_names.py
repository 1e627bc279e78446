"""What becomes of every function that NumPy lets a type override; the table of docs/numpy_names.md.

``python tests/numpy_names.py`` writes docs/numpy_names_table.md anew, with the NumPy that runs it.
What only other versions have stays as a run with those left it: run it with the oldest, then with
the newest. `test_numpy_names.py` compares the rows of the NumPy that is there.
"""

import ast
import importlib
import re
from pathlib import Path

import numpy as np
from agreeing import leaves
from calls import arguments_of, of_its_arrays
from numpy.testing import overrides

import clearprop as cp
from clearprop.primitive import COMPOSITIONS, primitive_for
from clearprop.protocols import ABOUT, MAKERS, PLAIN_PYTHON
from clearprop.unrecorded import numpy_name, unrecorded

TABLE = Path(__file__).parents[1] / "docs" / "numpy_names_table.md"
DERIVATIVE, WITHOUT, REFUSED = "differentiable", "recorded without a derivative", "refused"
STATES = {
    DERIVATIVE: "a rule of its own, or one that follows from others'",
    WITHOUT: "comparisons, positions, rounding, questions about arrays",
    REFUSED: "an error that says what to write instead",
}

#: Names of one NumPy that the one before did not have, and of the last that has them.
SINCE = {
    "2.1": r"numpy\.(cumulative_(sum|prod)|unstack)|numpy\.strings\._(center|[lr]just|zfill)|"
    r"numpy\.strings\._r?partition(_index)?",
    "2.2": r"numpy\.(matvec|vecmat)",
    "2.3": r"numpy\.strings\._(join|r?split|splitlines|slice)|numpy\.strings\.(capitalize|center|"
    r"decode|encode|expandtabs|[lr]just|lower|upper|mod|multiply|r?partition|replace|swapcase|"
    r"title|translate|zfill)",
    "2.4": r"numpy\.polynomial\.polynomial\.poly(grid|val)2d",
    "2.5": r"numpy\.polynomial\.polynomial\.polyvalnd|numpy\.(real|imag), the ufunc",
}
UNTIL = {"2.3": r"numpy\.in1d"}


def versions_of(name):
    """Say which versions of NumPy have a name: the first and the last; empty where all do."""
    first, last = (
        next((v for v, pattern in marks.items() if re.fullmatch(pattern, name)), "")
        for marks in (SINCE, UNTIL)
    )
    return first, last


def is_here(name):
    """Whether the NumPy that runs is said to have a name."""
    here = _number(np.__version__)
    first, last = versions_of(name)
    return (not first or _number(first) <= here) and (not last or here <= _number(last))


def _number(version):
    return tuple(map(int, version.split(".")[:2]))


def functions():
    """Give every function that NumPy lets a type override, by its name."""
    for module in ("char", "fft", "polynomial", "strings"):  # loaded when they are asked for
        importlib.import_module(f"numpy.{module}")
    found = {}
    plain = {*overrides.get_overridable_numpy_array_functions(), *MAKERS}
    # `like=` has a function of the same name inside: the one that people call counts.
    for f in sorted(plain, key=lambda f: f in MAKERS):
        found[numpy_name(f)] = f
    for u in overrides.get_overridable_numpy_ufuncs():
        name = numpy_name(u)
        found[f"{name}, the ufunc" if name in found else name] = u
    return dict(sorted(found.items()))


#: Calls of the makers of arrays that take values, with ``like=x``.
MADE = {
    **{
        maker: lambda x, maker=maker: maker([x, 1.0], like=x)
        for maker in (np.array, np.asarray, np.asanyarray, np.ascontiguousarray)
    },
    np.asfortranarray: lambda x: np.asfortranarray([x, 1.0], like=x),
    np.require: lambda x: np.require([x, 1.0], like=x),
    np.full: lambda x: np.full(2, x, like=x),
    np.arange: lambda x: np.arange(x, x + 2.5, like=x),
    np.fromfunction: lambda x: np.fromfunction(lambda i: i * x, (2,), like=x),
}


def has_rule(function):
    """Whether a function is recorded."""
    is_text = numpy_name(function).startswith(PLAIN_PYTHON)
    return is_text or function in COMPOSITIONS or primitive_for(function) is not None


def row_of(name, function):
    """Give family, state, what is to be said, name, and the versions that have it."""
    primitive = primitive_for(function)
    body = COMPOSITIONS.get(function)
    if has_rule(function):
        owner = body or (primitive and primitive.function)
        family = "polynomials" if owner is None else owner.__module__.rpartition(".")[2]
        is_known = body is None and primitive is not None
        moving = not primitive.no_derivative if is_known else has_derivative(function)
        state = DERIVATIVE if moving else WITHOUT
        says = getattr(primitive, "no_derivative", "") if body is None else ""
        says = says or ("" if state == DERIVATIVE else "answers, positions or steps")
    elif function in MAKERS:
        family = "makers of arrays"
        state = DERIVATIVE if function in MADE and moves(MADE[function], [np.ones(())]) else WITHOUT
        says = "with `like=x`" if state == DERIVATIVE else "with `like=x`: an array to be filled"
    elif function in ABOUT:
        family, state, says = "about arrays", WITHOUT, "answered from shapes, types and memory"
    else:
        known = unrecorded(function)
        if known is None:
            raise LookupError(f"{name} is in no table: clearprop.unrecorded has a line a family")
        family, state, says = known.family, REFUSED, _code(_for_any(known.write, name))
    first, last = versions_of(name)
    versions = f"from {first} on" if first else f"until {last}" if last else ""
    shown = name.replace("numpy.", "np.", 1)
    return family.replace("_", " "), state, says, shown, versions


def _for_any(write, name):
    """Put an ellipsis in the place of the function's own name: so one line is for a family."""
    own = name.removesuffix(", the ufunc").rpartition(".")[2]
    return re.sub(rf"\bnp\.((?:strings\.)?)_?{re.escape(own.strip('_'))}\b", r"np.\1…", write)


def _code(write):
    """Show what to write as code where it is, and as text where not."""
    try:
        ast.parse(write.replace("…", "f"))
    except SyntaxError:
        return write
    return f"`{write}`"


def has_derivative(function):
    """Whether something in the result of an example call moves with its arguments."""
    if function is np.imag:  # of real numbers it is 0
        return moves(lambda x: np.imag(x * 1j), [np.ones(2)])
    args, kwargs = arguments_of(function)

    def call(*args, **kwargs):
        first = args[0]
        y = function(*args, **kwargs)
        return first if y is None else y  # what writes into its first argument gives nothing

    return moves(*of_its_arrays(call, args, kwargs))


def moves(f, xs):
    """Whether a float in what a function gives is on the record of its arguments."""
    found = []

    def watched(*xs):
        found.extend(leaves(f(*xs)))
        return sum((np.sum(x) for x in xs), 0.0)

    if xs:
        cp.vjp(watched, *xs)
    nodes = [y.node for y in found if getattr(y, "node", None) is not None]
    return any(node.active for node in nodes)


def rows():
    """Give the rows of the NumPy that is there."""
    return [row_of(name, function) for name, function in functions().items()]


HEAD = "| family | names |"
NAME = re.compile(r"`([^`]+)`(, the ufunc)?(?: \(((?:from|until) [^)]+)\))?(?:, |$)")


def committed():
    """Give the rows that are in the documentation."""
    found, state = [], ""
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
        if line.startswith("## "):
            state = line.removeprefix("## ").lower()
        elif state and line.startswith("| ") and line != HEAD:
            about, names = line.strip("| ").split(" | ")
            family, _, says = about.partition(": ")
            for name, is_ufunc, versions in NAME.findall(names):
                found.append((family, state, says, name + is_ufunc, versions))
    return found


def table(found):
    """Write the rows of all versions: how many there are of each state, then their names."""
    lines = ["| names | what becomes of them | |", "|---|---|---|"]
    for state, which in STATES.items():
        lines.append(f"| {sum(row[1] == state for row in found)} | {state} | {which} |")
    lines.append(f"| {len(found)} | in all | |")
    for state in STATES:
        lines += ["", f"## {state.capitalize()}", "", HEAD, "|---|---|"]
        families = {}
        for family, _, says, name, versions in sorted(r for r in found if r[1] == state):
            plain = name.removesuffix(", the ufunc")
            shown = f"`{plain}`{name[len(plain) :]}" + (f" ({versions})" if versions else "")
            families.setdefault(f"{family}: {says}" if says else family, []).append(shown)
        lines += [f"| {about} | {', '.join(names)} |" for about, names in families.items()]
    return "\n".join(lines) + "\n"


def merged():
    """Give the rows of this NumPy, and those that are said to be of others."""
    here = rows()
    names = {row[3] for row in here}
    return here + [
        row for row in committed() if row[3] not in names and not is_here(plain_name(row))
    ]


def plain_name(row):
    """Give the name of a row as `functions` has it."""
    return row[3].replace("np.", "numpy.", 1)


if __name__ == "__main__":
    TABLE.write_text(table(merged()), encoding="utf-8")
