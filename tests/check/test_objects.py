"""`find_in_object`: what a class, an object, a function or a module of the running program is."""

import sys
import types

import pytest
from check.writing import write

from clearprop.check.handwritten.objects import find_in_module, find_in_object
from clearprop.check.handwritten.sources import place_of
from clearprop.errors import OptionError


class Scale:
    def __init__(self, k):
        self.k = k

    def forward(self, x):
        return self.k * x

    def backward(self, dout):
        return self.k * dout


class Net:
    def __init__(self):
        self.params = {}

    def loss(self, x, t):
        return x - t

    def gradient(self, x, t):
        return {}


class Sigmoid:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        return dout


def cube_forward(x):
    return x**3, x


def cube_backward(dout, x):
    return 3 * dout * x**2


def square(x):
    return x**2


def square_prime(x):
    return 2 * x


def sigmoid_forward(x):
    raise NotImplementedError


def nothing(x):
    return x


def svm_loss(x, y):
    loss, dx = x, y
    return loss, dx


def line_of(found):
    return found.__code__.co_firstlineno


def test_a_class_and_an_object_of_it():
    found = find_in_object(Scale)
    assert (found.name, found.style, found.forward, found.backward) == (
        "Scale",
        "layer",
        Scale,
        Scale,
    )
    assert found.place.file == __file__
    assert found.place.line == line_of(Scale.__init__) - 1
    assert found.place.text == "class Scale:"
    held = Scale(3)
    found = find_in_object(held)
    assert found.forward is found.backward is held
    network = find_in_object(Net())
    assert network.style == "network"
    assert isinstance(network.backward, Net)


def test_an_object_whose_forward_is_a_stub():
    held = Sigmoid()
    found = find_in_object(held)
    assert (found.forward, found.backward, found.reference) == (None, held, "sigmoid")


def test_two_functions():
    found = find_in_object((cube_forward, cube_backward))
    assert (found.style, found.forward, found.backward) == ("pair", cube_forward, cube_backward)
    assert found.place.line == line_of(cube_backward)
    assert find_in_object((square, square_prime)).style == "derivative"
    stub = find_in_object((sigmoid_forward, cube_backward))
    assert (stub.forward, stub.reference) == (None, "sigmoid")


def test_one_function_and_the_other_beside_it():
    for function in (cube_backward, cube_forward):
        assert find_in_object(function).forward is cube_forward
    assert find_in_object(square_prime).forward is square
    assert find_in_object(svm_loss).style == "loss and gradient"
    assert find_in_object(Scale(2).backward.__func__.__globals__["square"]).backward is square_prime


def test_a_function_inside_a_function():
    def halved(x):
        return x / 2

    def halved_backward(dout, x):
        return dout / 2

    found = find_in_object((halved, halved_backward))
    assert found.place.text == "def halved_backward(dout, x):"


def module(tmp_path, text, name):
    """Import a module of the user's as Python does."""
    path = write(tmp_path, f"{name}.py", text)
    made = types.ModuleType(name)
    made.__file__ = str(path)
    exec(compile(path.read_text(), str(path), "exec"), vars(made))
    return made


def test_a_module(tmp_path, monkeypatch):
    text = """
    from functools import partial
    import numpy as np
    class A:
        def forward(self, x): return x
        def backward(self, dout): return dout
    def helper(x): return x
    """
    one = module(tmp_path, text, "one_layer")
    monkeypatch.setitem(sys.modules, "one_layer", one)
    assert find_in_object(one).name == "A"
    assert find_in_object(one).place.line == 3
    more = text + "\n    def f(x): return x\n    def f_prime(x): return 1\n"
    two = module(tmp_path, more, "two_of_them")
    monkeypatch.setitem(sys.modules, "two_of_them", two)
    found, bystanders = find_in_module(two)
    assert [each.name for each in found] == ["A", "f_prime"]
    assert list(bystanders) == ["helper"]
    message = r"has 2 backward passes\. .*A, f_prime.*cp\.check_layer\(two_of_them\.A\)"
    with pytest.raises(OptionError, match=message):
        find_in_object(two)


def test_code_typed_at_a_prompt():
    """There is no source: the line is the one the code says, and a stub is not recognised."""
    space = {"__name__": "__main__"}
    text = "class L:\n  def forward(self, x): return x\n  def backward(self, d): return d\n"
    exec(compile(text, "<stdin>", "exec"), space)
    found = find_in_object(space["L"]())
    assert (found.name, found.place.file, found.place.line) == ("L", "<stdin>", 2)
    assert place_of(space["L"].backward).line == 3


@pytest.mark.parametrize("what", [nothing, 3, object(), int, Exception, len])
def test_what_has_no_backward(what):
    with pytest.raises(OptionError, match=r"has no backward pass.*cp\.check_layer"):
        find_in_object(what)


def test_a_tuple_that_is_no_pair():
    with pytest.raises(OptionError, match=r"3 things were given.*A pair is two functions"):
        find_in_object((square, square, square))
