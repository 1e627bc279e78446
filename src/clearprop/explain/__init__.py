"""What became of a number: the first NaN, and the gradient that is zero."""
