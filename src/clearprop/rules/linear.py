"""Products of vectors, matrices and tensors."""

import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from clearprop.errors import MissingRuleError
from clearprop.kinds import CONTRACT
from clearprop.places import current_line
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import conjugated
from clearprop.rules.shape import undiagonal


def transposed(x):
    """Exchange the last two axes."""
    return np.transpose(x) if len(np.shape(x)) < 3 else np.swapaxes(x, -1, -2)


def adjoint(x):
    """Exchange the last two axes, and conjugate."""
    return conjugated(transposed(x))


@primitive(
    np.matmul,
    kind=CONTRACT,
    symbol="@",
    latex="A B",
    cases=[
        Case((3, 4), (4, 2)),
        Case((4,), (4, 2)),
        Case((3, 4), (4,)),
        Case((4,), (4,)),
        Case((2, 3, 4), (4, 2)),
        Case((2, 1, 3, 4), (5, 4, 2)),
        Case((4,), (2, 4, 3)),
        Case((2, 3, 4), (4,)),
    ],
)
def matmul(x1, x2):
    return x1 @ x2


@matmul.vjp("x1", latex=r"\bar y\,B^{\mathsf T}")
def _(dy, x2, x1_shape):
    if len(np.shape(x2)) == 1:  # x2 is a column, and dy has lost the axis of length 1
        return np.expand_dims(dy, -1) * x2
    if len(x1_shape) == 1:  # x1 is a row
        return (np.expand_dims(dy, -2) @ transposed(x2))[..., 0, :]
    return dy @ transposed(x2)


@matmul.vjp("x2", latex=r"A^{\mathsf T}\,\bar y")
def _(dy, x1, x2_shape):
    if len(np.shape(x1)) == 1 and len(x2_shape) == 1:
        return dy * x1
    if len(np.shape(x1)) == 1:
        return np.expand_dims(x1, -1) * np.expand_dims(dy, -2)
    if len(x2_shape) == 1:
        return (transposed(x1) @ np.expand_dims(dy, -1))[..., 0]
    return transposed(x1) @ dy


@composition(np.dot)
def dot(a, b):
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(*(x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b)))
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    rest = np.shape(b)[:-2] + np.shape(b)[-1:]  # the last axis of a against the last but one of b
    columns = np.reshape(np.moveaxis(b, -2, 0), (np.shape(b)[-2], -1))
    return np.reshape(np.matmul(a, columns), np.shape(a)[:-1] + rest)


@composition(np.outer)
def outer(a, b):
    return np.expand_dims(np.ravel(a), -1) * np.ravel(b)


@composition(np.linalg.matmul)
def linalg_matmul(x1, x2):
    return np.matmul(x1, x2)


@composition(np.linalg.outer)
def linalg_outer(x1, x2):
    return np.outer(x1, x2)


@composition(np.tensordot)
def tensordot(a, b, axes=2):
    if isinstance(axes, int | np.integer):
        axes = (tuple(range(np.ndim(a) - int(axes), np.ndim(a))), tuple(range(int(axes))))
    of_a, of_b = (
        [normalize_axis_index(int(i), n) for i in np.atleast_1d(given)]
        for given, n in zip(axes, (np.ndim(a), np.ndim(b)), strict=True)
    )
    rest_a = [i for i in range(np.ndim(a)) if i not in of_a]
    rest_b = [i for i in range(np.ndim(b)) if i not in of_b]
    if [np.shape(a)[i] for i in of_a] != [np.shape(b)[i] for i in of_b]:
        raise ValueError("shape-mismatch for sum")  # as NumPy has it
    n = int(np.prod([np.shape(a)[i] for i in of_a]))
    lengths = [np.shape(a)[i] for i in rest_a], [np.shape(b)[i] for i in rest_b]
    rows, columns = (int(np.prod(shape)) for shape in lengths)
    left = np.reshape(np.transpose(a, (*rest_a, *of_a)), (rows, n))
    right = np.reshape(np.transpose(b, (*of_b, *rest_b)), (n, columns))
    return np.reshape(np.matmul(left, right), (*lengths[0], *lengths[1]))


@composition(np.linalg.tensordot)
def linalg_tensordot(x1, x2, *, axes=2):
    return np.tensordot(x1, x2, axes)


@composition(np.inner)
def inner(a, b):
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(*(x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b)))
    return np.tensordot(a, b, axes=(-1, -1))


@composition(np.vdot)
def vdot(a, b):
    return np.dot(conjugated(np.ravel(a)), np.ravel(b))


@composition(np.linalg.vecdot)
@composition(np.vecdot)
def vecdot(x1, x2, axis=-1):
    x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
    if np.shape(x1)[-1] != np.shape(x2)[-1]:
        raise ValueError("vecdot: Input operand 1 has a mismatch")  # as NumPy has it
    return np.sum(conjugated(x1) * x2, axis=-1)


def matvec(x1, x2):
    _refuse_vector(x1, "matvec", 0)
    return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]


def _refuse_vector(x, name, position):
    if np.ndim(x) < 2:
        raise ValueError(
            f"{name}: Input operand {position} does not have enough dimensions"
        )  # as NumPy has it


def vecmat(x1, x2):
    _refuse_vector(x2, "vecmat", 1)
    return np.matmul(np.expand_dims(conjugated(x1), -2), x2)[..., 0, :]


if hasattr(np, "matvec"):  # since NumPy 2.2
    composition(np.matvec)(matvec)
    composition(np.vecmat)(vecmat)


@composition(np.kron)
def kron(a, b):
    ndim = max(np.ndim(a), np.ndim(b))
    a = np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a))
    b = np.reshape(b, (1,) * (ndim - np.ndim(b)) + np.shape(b))
    pairs = np.expand_dims(a, tuple(range(1, 2 * ndim, 2))) * np.expand_dims(
        b, tuple(range(0, 2 * ndim, 2))
    )
    return np.reshape(pairs, tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))


@composition(np.cross)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not {a.shape[-1], b.shape[-1]} <= {2, 3}:
        raise ValueError(
            "incompatible dimensions for cross product\n(dimension must be 2 or 3)"
        )  # as NumPy has it
    a1, a2, b1, b2 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    last = a1 * b2 - a2 * b1
    if a.shape[-1] == b.shape[-1] == 2:
        return last
    a3 = a[..., 2] if a.shape[-1] == 3 else 0.0  # a vector of the plane
    b3 = b[..., 2] if b.shape[-1] == 3 else 0.0
    parts = np.broadcast_arrays(a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, last)
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


@composition(np.linalg.cross)
def linalg_cross(x1, x2, *, axis=-1):
    return np.cross(x1, x2, axis=axis)


@composition(np.trace)
def trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composition(np.linalg.trace)
def linalg_trace(x, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)


# ---- einsum: one primitive, which is its own transpose --------------------------------------


@primitive(
    symbol="Σ",
    latex=r"\sum x_{i\dots} x'_{j\dots}",
    cases=[
        Case((3, 4), (4, 2), subscripts="ij,jk->ik"),
        Case((3, 4), (4,), (3,), subscripts="ij,j,i->"),
        Case((3, 3, 2), subscripts="iij->j"),
        Case((3, 4), (4, 2), subscripts="ij,jk->j"),
        Case((3, 1), (3, 4), subscripts="ij,ij->i"),
        Case((3,), (1,), subscripts="i,i->"),
        Case((2, 2, 2), (3,), subscripts="iii,j->ji"),
    ],
)
def einsum(*operands, subscripts, optimize=False):
    return np.einsum(subscripts, *operands, optimize=optimize)


@einsum.vjp("operands", latex=r"\sum \bar y_{k\dots} x'_{j\dots}")
def _(dy, operands, operands_shape, *, subscripts, optimize, position):
    terms, output = subscripts.split("->")
    own, *rest = _with_first(terms.split(","), position)
    others = _with_first(operands, position)[1:]
    labels = "".join(dict.fromkeys(own))
    known = "".join(i for i in labels if i in output or any(i in term for term in rest))
    g = einsum(dy, *others, subscripts=f"{','.join([output, *rest])}->{known}", optimize=optimize)
    # An index that this operand alone has was summed away: every element gets the same.
    if known != labels:
        g = g[tuple(slice(None) if i in known else None for i in labels)]
    sizes = dict(zip(own, operands_shape[position], strict=True))
    shape = np.broadcast_shapes(g.shape, tuple(sizes[i] for i in labels))
    g = g if g.shape == shape else np.broadcast_to(g, shape)
    return _on_diagonals(g, labels, own)


def _with_first(parts, position):
    return [parts[position], *parts[:position], *parts[position + 1 :]]


def _on_diagonals(g, labels, wanted):
    """Give an index that is wanted several times several axes, with 0 off the diagonal."""
    have = list(labels)
    for i in labels:
        for _ in range(wanted.count(i) - 1):
            axis = have.index(i)
            g = g if axis == g.ndim - 1 else np.moveaxis(g, axis, -1)
            g = undiagonal(g, shape=(g.shape[-1],) * 2)
            have = [*have[:axis], *have[axis + 1 :], i, i]
    order = []
    for i in wanted:  # the axes of one index are all alike, so the first one left will do
        order.append(have.index(i))
        have[order[-1]] = ""
    return g if order == sorted(order) else np.transpose(g, tuple(order))


@composition(np.einsum)
def einsum_of_any_form(*operands, optimize=False, dtype=None, casting="safe", **kwargs):
    for name, value in kwargs.items():
        if value is not None and (name != "order" or value not in ("K", "C", "F", "A")):
            raise MissingRuleError(
                f"np.einsum(…, {name}={value!r}) has no derivative here.",
                where=current_line(2),
                why="einsum is recorded with its operands, its subscripts, optimize and dtype.",
                write=f"np.einsum(…) without {name}=, and apply it to the result.",
            )
    subscripts, arrays = _subscripts(operands)
    if dtype is not None:
        arrays = [_cast(a, np.dtype(dtype), casting) for a in arrays]
    if not isinstance(optimize, bool | str):
        optimize = True  # a path is of this product, not of those of its derivative
    return einsum(
        *arrays, subscripts=_explicit(subscripts, list(map(np.ndim, arrays))), optimize=optimize
    )


def _cast(a, dtype, casting):
    a = a if hasattr(a, "dtype") else np.asarray(a)
    if not np.can_cast(a.dtype, dtype, casting):
        raise TypeError(
            f"Iterator operand 0 dtype could not be cast from {a.dtype!r} to {dtype!r} "
            f"according to the rule {casting!r}"
        )  # as NumPy has it
    return a if a.dtype == dtype else a.astype(dtype)


def _subscripts(operands):
    """Read both forms: ``"ij,jk", A, B`` and ``A, [0, 1], B, [1, 2]``."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    output = operands[-1] if len(operands) % 2 else None
    pairs = operands[: len(operands) - len(operands) % 2]

    def text(labels):
        return "".join("..." if i is Ellipsis else _LABELS[i] for i in labels)

    subscripts = ",".join(map(text, pairs[1::2]))
    return subscripts if output is None else f"{subscripts}->{text(output)}", pairs[::2]


_LABELS = string.ascii_uppercase + string.ascii_lowercase  # in the order in which NumPy sorts


def _explicit(subscripts, ndims):
    """Write the output out, and give every axis that ``...`` stands for a label of its own."""
    given, arrow, output = subscripts.partition("->")
    terms = given.split(",")
    if len(terms) != len(ndims):
        raise ValueError(
            "fewer operands provided to einstein sum function than specified in the subscripts "
            "string"
            if len(terms) > len(ndims)
            else "more operands provided to einstein sum function than specified in the "
            "subscripts string"
        )  # as NumPy has it
    letters = given.replace("...", "").replace(",", "")
    hidden = [
        n - len(term.replace("...", "")) if "..." in term else 0
        for term, n in zip(terms, ndims, strict=True)
    ]
    free = [i for i in _LABELS if i not in letters][: max(hidden, default=0)]
    terms = [
        term.replace("...", "".join(free[len(free) - max(n, 0) :]))
        for term, n in zip(terms, hidden, strict=True)
    ]
    if not arrow:
        output = "..." + "".join(i for i in sorted(set(letters)) if letters.count(i) == 1)
    if free and "..." not in output:
        raise ValueError("output has ellipsis dimensions that the output subscripts do not name")
    return f"{','.join(terms)}->{output.replace('...', ''.join(free))}"
