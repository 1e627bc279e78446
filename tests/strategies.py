"""What Hypothesis draws from: shapes that broadcast, values from the registry's domains."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


@st.composite
def elementwise_operands(draw, primitive):
    """Draw operands, attributes and directions for an elementwise primitive."""
    count = len(primitive.operands)
    shapes = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=4)
    ).input_shapes
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    operands, directions = [], []
    for position, shape in enumerate(shapes):
        low, high = interval(primitive, position)
        inside = 1e-3 * (high - low)  # a numerical step must not leave the domain
        x = rng.uniform(low + inside, high - inside, shape)
        constant = primitive.is_constant(position)
        if constant and primitive.name == "where":
            x = x > 0
        operands.append(x)
        directions.append(np.zeros(shape) if constant else rng.normal(size=shape))
    attributes = primitive.cases[0].attributes if primitive.cases else {}
    if primitive.name == "where":
        operands[0] = operands[0].astype(float)  # moved by 0 · direction, it stays what it is
    return operands, attributes, directions


def interval(primitive, position):
    """Give the interval an operand is drawn from."""
    domain = primitive.domain
    if isinstance(domain[0], tuple):
        domain = domain[min(position, len(domain) - 1)]
    return float(domain[0]), float(domain[1])
