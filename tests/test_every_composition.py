"""Every composition: NumPy's value; forward, reverse and numerical derivatives, twice, are one."""

import pytest
from agreeing import agree_in_every_mode
from calls import REGISTERED, arguments_of, of_its_arrays

from clearprop.primitive import COMPOSITIONS

NAMES = [name for name, function in REGISTERED.items() if function in COMPOSITIONS]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # np.fix, of NumPy 2.5 on
@pytest.mark.parametrize("name", NAMES)
def test_forward_reverse_and_numerical_derivatives_agree(name):
    function = REGISTERED[name]
    args, kwargs = arguments_of(function)

    def call(*args, **kwargs):
        first = args[0]
        y = function(*args, **kwargs)
        return first if y is None else y  # what writes into its first argument gives nothing

    f, xs = of_its_arrays(call, args, kwargs)
    agree_in_every_mode(f, xs)
