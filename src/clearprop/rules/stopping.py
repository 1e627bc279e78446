"""A value that counts as a constant: the record goes on, the gradient does not."""

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import primitive


@primitive(
    kind=ELEMENTWISE,
    symbol="stop",
    latex=r"x \ (\text{constant})",
    no_derivative="asked to be a constant",
)
def stop_gradient(x):
    return x
