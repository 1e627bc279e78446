"""SciPy's Python functions, written in functions that are recorded.

SciPy's special ufuncs (``expit``, ``gammaln``, ``ndtr``, …) are recorded as they are. Its Python
functions make their arguments plain, so that a derivative would be lost: here are those that models
live on, under SciPy's names and signatures, for plain arrays and recorded ones.
"""

from __future__ import annotations

from clearprop.scipy import linalg as linalg
from clearprop.scipy import special as special
from clearprop.scipy import stats as stats
