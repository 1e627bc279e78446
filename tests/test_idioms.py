"""A name that another library has is an error that says what to write here."""

import copy
import pickle
import re

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors, interop, nn, optim, train
from clearprop.idioms import IDIOMS

NET = nn.TwoLayerNet(2, 3, 2)
OWNERS = {
    "A recorded value": cp.tensor([1.0, 2.0]),
    "A layer": NET,
    "An update rule": optim.Adam(0.1),
    "clearprop": cp,
}
ROWS = [(owner, name) for owner in OWNERS for name in IDIOMS[owner]]


@pytest.mark.parametrize(("owner", "name"), ROWS, ids=lambda word: word.replace(" ", "-"))
def test_a_name_from_elsewhere_says_what_to_write(owner, name):
    assert not hasattr(OWNERS[owner], name)
    with pytest.raises(AttributeError) as caught:
        getattr(OWNERS[owner], name)
    text = str(caught.value)
    assert isinstance(caught.value, errors.MissingMethodError)
    assert re.search(rf"has no (cp)?\.{name}\b", text)
    assert "Where: test_idioms.py:" in text
    assert f"Write instead: {IDIOMS[owner][name][2]}" in text


def test_what_is_to_be_written_is_there():
    places = {"cp": cp, "net": NET, "interop": interop, "nn": nn, "rule": optim.Adam(), "np": np}
    places["x"] = cp.tensor(np.ones((2, 2)))
    found = 0
    for owner, rows in IDIOMS.items():
        for name, (_, _, write) in rows.items():
            for dotted in re.findall(r"\b(?:cp|net|interop|nn|rule|np|x)(?:\.\w+)+", write):
                first, *rest = dotted.split(".")
                thing = places[first]
                for part in rest:
                    assert hasattr(thing, part), (owner, name, dotted)
                    thing = getattr(thing, part)
                found += 1
    assert found > 80


def test_no_layer_and_no_rule_has_a_name_of_the_table():
    for module, owner, base in (
        (nn, "A layer", nn.Layer),
        (optim, "An update rule", optim.Optimizer),
    ):
        kinds = [k for k in vars(module).values() if isinstance(k, type) and issubclass(k, base)]
        assert len(kinds) > 5
        for kind in kinds:
            assert not [name for name in IDIOMS[owner] if hasattr(kind, name)], kind


def test_inside_a_derivative():
    with pytest.raises(errors.MissingMethodError, match=r"cp\.stop_gradient\(x\)"):
        cp.grad(lambda x: x * x.detach())(3.0)
    with pytest.raises(errors.MissingMethodError, match=r"y = x\.copy\(\), then y\[i\] = value"):
        cp.grad(lambda x: np.sum(x.at[0].set(1.0)))(np.ones(3))


def test_setting_is_refused_alike():
    x = cp.tensor([1.0, 2.0])
    with pytest.raises(errors.MissingMethodError, match=r"x = cp\.tensor\(data\)"):
        x.requires_grad = True
    with pytest.raises(errors.MissingMethodError, match=r"x\.value"):
        x.data = np.zeros(2)


def test_keywords_of_tensor():
    with pytest.raises(
        TypeError, match=r"no keyword requires_grad, which is PyTorch's\..*tensor\(data\)"
    ):
        cp.tensor([1.0], requires_grad=True)
    with pytest.raises(
        TypeError,
        match=r"no keyword colour\. Where: test_idioms\.py.*Write instead: the call without it",
    ):
        cp.tensor([1.0], colour="red")


def test_the_order_of_optax():
    rule, grads = optim.Adam(0.1), NET.gradient(np.ones((1, 2)), [0])
    state = rule.init(NET.params)
    with pytest.raises(errors.ShapeError, match=r"the state is given as the gradients"):
        rule.update(grads, state, NET.params)
    params = {"step": np.ones(2)}  # a parameter may have that name
    new, _ = rule.update(params, {"step": np.ones(2)}, rule.init(params))
    assert new["step"].shape == (2,)


def test_other_unknown_names_are_pythons_own_errors():
    for thing in OWNERS.values():
        with pytest.raises(AttributeError, match="has no attribute 'nothing'") as caught:
            _ = thing.nothing
        assert type(caught.value) is AttributeError
    with pytest.raises(AttributeError) as caught:
        _ = NET.prams
    assert (caught.value.name, caught.value.obj) == ("prams", NET)  # for "Did you mean"


def test_an_error_inside_a_property_is_not_hidden():
    class Odd(nn.ReLU):
        @property
        def size(self):
            return self.not_there_yet

    with pytest.raises(AttributeError, match="not_there_yet"):
        _ = Odd().size


def test_names_of_the_table_are_free_for_subclasses():
    class Mine(nn.ReLU):
        def __init__(self):
            self.weight = 3.0

        def fit(self):
            return "fitted"

    assert (Mine().fit(), Mine().weight) == ("fitted", 3.0)
    with pytest.raises(errors.MissingMethodError):
        _ = Mine().bias


def test_what_is_refused_is_not_proposed():
    proposed = dir(cp.tensor([1.0]))
    assert not {"detach", "numpy", "at", "tobytes", "data"} & set(proposed)
    assert {"sum", "reshape", "value", "grad", "backward"} <= set(proposed)
    assert not {"state_dict", "fit"} & set(dir(NET))


def test_copies_and_pickles():
    for thing in (NET, optim.Adam(0.1)):
        for other in (copy.copy(thing), copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
            assert repr(other) == repr(thing)


def test_parameters_given_to_a_rule():
    with pytest.raises(errors.OptionError) as caught:
        optim.Adam(nn.TwoLayerNet(784, 50, 10).params)
    text = str(caught.value)
    assert "Adam: lr is of type Arrays." in text
    assert "A rule holds no parameters" in text
    assert "rule = Adam(0.01), then rule.update(params, grads, state)" in text
    assert len(text) < 400  # and not the parameters themselves


def test_samples_and_labels_without_a_second_pair():
    x, t = np.ones((4, 2)), np.array([0, 1, 1, 0])
    with pytest.raises(errors.DataError, match=r"pair of arrays.*fit\(model, \(\(x, t\), None\)\)"):
        train.fit(NET, (x, t))
