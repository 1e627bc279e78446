"""Schedules: rates of ints, of arrays and of recorded numbers, and whole runs beside PyTorch's."""

import numpy as np
import pytest

import clearprop as cp
from clearprop import optim
from clearprop.errors import OptionError

SCHEDULES = [
    optim.StepDecay(0.1, 7),
    optim.StepDecay(0.1, 7, gamma=0.5),
    optim.Exponential(0.1, 0.9),
    optim.Cosine(0.1, 20),
    optim.Cosine(0.1, 20, least=0.01),
    optim.OneCycle(0.1, 20),
    optim.OneCycle(0.1, 20, pct_start=0.0),
    optim.OneCycle(0.1, 20, pct_start=0.05),
    optim.OneCycle(0.1, 1),
    optim.WarmUp(0.1, 5),
    optim.WarmUp(optim.Cosine(0.1, 20), 5, start=0.1),
    optim.WarmUp(optim.WarmUp(optim.StepDecay(0.1, 3), 4), 5),
]
EVERY = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


@EVERY
def test_ints_arrays_and_recorded_numbers_have_the_same_rate(schedule):
    steps = np.arange(40)
    rates = schedule(steps)
    assert rates.dtype == np.float64
    np.testing.assert_allclose([float(schedule(int(step))) for step in steps], rates, rtol=1e-15)
    np.testing.assert_allclose([schedule(step) for step in steps], rates, rtol=1e-15)
    compiled = cp.compile(schedule)
    found = [compiled(np.asarray(step)) for step in steps]
    np.testing.assert_allclose(found, rates, rtol=1e-13, atol=1e-17)


@EVERY
def test_rates_are_finite_and_never_above_the_one_that_was_given(schedule):
    with np.errstate(all="raise", under="ignore"):
        rates = schedule(np.arange(10_000))
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()
    assert (rates <= 0.1 * (1 + 1e-15)).all()


@EVERY
def test_a_repr_makes_the_schedule_again(schedule):
    assert eval(repr(schedule), vars(optim)) == schedule


def test_ends_in_closed_form():
    cosine = optim.Cosine(0.4, 10, least=0.1)
    np.testing.assert_allclose(cosine(np.array([0, 5, 10, 11, 999])), [0.4, 0.25, 0.1, 0.1, 0.1])
    cycle = optim.OneCycle(1.0, 21, pct_start=0.5, div_factor=10, final_div_factor=100)
    rates = cycle(np.array([0, 20, 21, 1000]))
    np.testing.assert_allclose(rates, [0.1, 0.001, 0.001, 0.001])
    assert np.argmax(cycle(np.arange(21))) in (9, 10)
    warm = optim.WarmUp(1.0, 4, start=0.2)
    np.testing.assert_allclose(warm(np.arange(6)), [0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: optim.StepDecay(0.1, 0), "StepDecay: every is 0."),
        (lambda: optim.StepDecay(0.1, 2.5), "StepDecay: every is 2.5."),
        (lambda: optim.StepDecay(0.1, 5, gamma=0), "StepDecay: gamma is 0."),
        (lambda: optim.Exponential(-1, 0.9), "Exponential: lr is -1."),
        (lambda: optim.Exponential(0.1, np.nan), "Exponential: gamma is nan."),
        (lambda: optim.Cosine(0.1, -5), "Cosine: total is -5."),
        (lambda: optim.Cosine(0.1, np.inf), "Cosine: total is inf."),
        (lambda: optim.Cosine(0.1, 5, least=-1), "Cosine: least is -1."),
        (lambda: optim.WarmUp(optim.Cosine, 5), "WarmUp: after is <class"),
        (lambda: optim.WarmUp(0.1, 5, start=0), "WarmUp: start is 0."),
        (lambda: optim.OneCycle(0.1, 5, pct_start=1), "OneCycle: pct_start is 1."),
        (lambda: optim.OneCycle(0.1, 5, div_factor=0), "OneCycle: div_factor is 0."),
    ],
)
def test_numbers_without_a_meaning_are_refused(make, text):
    with pytest.raises(OptionError) as caught:
        make()
    assert str(caught.value).startswith(text)
    assert "Where: test_schedules.py:" in str(caught.value)
    assert "Write instead: " in str(caught.value)


# ---- beside PyTorch ----------------------------------------------------------------------------


def _chain(lr_scheduler, optimizer, warm, after, updates):
    return lr_scheduler.SequentialLR(optimizer, [warm, after], milestones=[updates])


BESIDE = {
    "StepLR": (
        optim.StepDecay(0.1, 7, gamma=0.3),
        lambda s, o: s.StepLR(o, 7, gamma=0.3),
    ),
    "ExponentialLR": (optim.Exponential(0.1, 0.93), lambda s, o: s.ExponentialLR(o, 0.93)),
    "CosineAnnealingLR": (
        optim.Cosine(0.1, 50, least=0.003),
        lambda s, o: s.CosineAnnealingLR(o, 50, eta_min=0.003),
    ),
    "OneCycleLR": (
        optim.OneCycle(0.1, 51),
        lambda s, o: s.OneCycleLR(o, 0.1, total_steps=51, cycle_momentum=False),
    ),
    "OneCycleLR, other numbers": (
        optim.OneCycle(0.1, 51, pct_start=0.47, div_factor=7.0, final_div_factor=50.0),
        lambda s, o: s.OneCycleLR(
            o,
            0.1,
            total_steps=51,
            pct_start=0.47,
            div_factor=7.0,
            final_div_factor=50.0,
            cycle_momentum=False,
        ),
    ),
    "LinearLR": (optim.WarmUp(0.1, 9), lambda s, o: s.LinearLR(o, total_iters=9)),
    "SequentialLR": (
        optim.WarmUp(optim.Cosine(0.1, 42), 9, start=0.2),
        lambda s, o: _chain(s, o, s.LinearLR(o, 0.2, total_iters=9), s.CosineAnnealingLR(o, 42), 9),
    ),
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")
def test_whole_runs_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from torch.optim import lr_scheduler

    ours, make = BESIDE[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = make(lr_scheduler, optimizer)
    rates = []
    for _ in range(51):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step() if len(rates) < 51 else None
    np.testing.assert_allclose(ours(np.arange(51)), rates, rtol=1e-11, atol=1e-15)
