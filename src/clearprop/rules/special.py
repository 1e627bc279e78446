"""Special functions, under their SciPy names; recorded once the user has imported SciPy.

The bodies are NumPy text, so that generated source and compiled loops need no SciPy. The
interpreter calls SciPy's own function, which is the one the user called.
"""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive


@primitive(
    "scipy.special.erf",
    kind=ELEMENTWISE,
    latex=r"\operatorname{erf} x",
    domain=(-3, 3),
    cases=[Case((3, 4)), Case(())],
)
def erf(x):
    # W. J. Cody, Rational Chebyshev approximations for the error function,
    # Mathematics of Computation 23 (1969): one rational function on |x| < 0.5, one beyond.
    a = np.abs(x)
    s = np.minimum(a, 0.5) * np.minimum(a, 0.5)
    p = (0.18577770618460315 * s + 3.1611237438705656) * s + 113.86415415105016
    p = (p * s + 377.485237685302) * s + 3209.3775891384695
    q = ((s + 23.601290952344122) * s + 244.02463793444417) * s + 1282.6165260773723
    q = q * s + 2844.236833439171
    t = np.minimum(np.maximum(a, 0.46875), 6.0)
    u = ((2.1531153547440385e-8 * t + 0.5641884969886701) * t + 8.883149794388376) * t
    u = ((u + 66.11919063714163) * t + 298.6351381974001) * t + 881.952221241769
    u = ((u * t + 1712.0476126340707) * t + 2051.0783778260716) * t + 1230.3393547979972
    v = ((t + 15.744926110709835) * t + 117.6939508913125) * t + 537.1811018620099
    v = ((v * t + 1621.3895745666903) * t + 3290.7992357334597) * t + 4362.619090143247
    v = (v * t + 3439.3676741437216) * t + 1230.3393548037495
    large = 1 - np.exp(-t * t) * u / v
    return np.where(a < 0.46875, x * p / q, np.where(x < 0, -large, large))


@erf.vjp("x", latex=r"\bar y\,\tfrac{2}{\sqrt\pi} e^{-x^2}")
def _(dy, x):
    return dy * 1.1283791670955126 * np.exp(-x * x)
