"""SciPy's functions of matrices that NumPy has not: triangular systems and the exponential.

They are called through ``clearprop.scipy.linalg``, which has SciPy's signatures. The bodies are
SciPy's own functions.
"""

import numpy as np

from clearprop.outside import linalg
from clearprop.primitive import Case, primitive
from clearprop.rules.linalg import REGULAR, STACK, column
from clearprop.rules.linear import transposed


@primitive(
    latex=r"A^{-1} b",
    cases=[
        Case(REGULAR, (3,)),
        Case(REGULAR, (3, 2), lower=True, trans=1),
        Case(REGULAR, (3, 2), unit_diagonal=True),
    ],
)
def solve_triangular(a, b, *, trans=0, lower=False, unit_diagonal=False):
    return linalg.solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


@solve_triangular.vjp("a", latex=r"-\operatorname{tri}(A^{-\mathsf T}\bar y\,y^{\mathsf T})")
def _(dy, y, a, b_shape, *, trans, lower, unit_diagonal):
    db = solve_triangular(a, dy, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)
    first, second = (y, db) if trans else (db, y)
    if len(b_shape) == 1:
        whole = -column(first) * np.expand_dims(second, -2)
    else:
        whole = -first @ transposed(second)
    return np.tril(whole, -unit_diagonal) if lower else np.triu(whole, int(unit_diagonal))


@solve_triangular.vjp("b", latex=r"A^{-\mathsf T}\bar y")
def _(dy, a, *, trans, lower, unit_diagonal):
    return solve_triangular(a, dy, trans=1 - trans, lower=lower, unit_diagonal=unit_diagonal)


@primitive(latex="e^A", cases=[Case(REGULAR), Case(STACK)])
def expm(a):
    return linalg.expm(a)


@expm.vjp("a", latex=r"L_{\exp}(A^{\mathsf T}, \bar y)")
def _(dy, a):
    # The derivative of exp at B in the direction E stands in the corner of exp([[B, E], [0, B]]):
    # N. J. Higham, Functions of Matrices (2008), (3.16). So it has derivatives itself.
    n = np.shape(a)[-1]
    b = transposed(a)
    upper = np.concatenate((b, dy), axis=-1)
    lower = np.concatenate((np.zeros_like(b), b), axis=-1)
    return expm(np.concatenate((upper, lower), axis=-2))[..., :n, n:]
