"""Faults and conventions told apart: what is right under a convention is said once, quietly."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.driving_functions import DerivativeDriver
from clearprop.check.handwritten.model import CONVENTION, Finding
from clearprop.check.handwritten.penalties import said_of_penalties
from clearprop.check.handwritten.probing import Comparison, Shot, play, prepared, quiet, shoot
from clearprop.check.handwritten.setups import Setup
from clearprop.check.handwritten.specs import Proposal
from clearprop.check.handwritten.truth import leaves_of

#: Relative to the largest entry: what rounding may do.
_EXACT = 1e-7
#: An epsilon above this changes a gradient by too much to be left out.
LARGEST_EPSILON = 1.5e-6
_DIVIDES = re.compile(r"/=? *(n?_?samples|n_samples|batch\w*|len\(|[Nnm]\b|\w+\.shape\[0\])")
_KEEPS = re.compile(r"self\.d\w+ = [^\n]*keepdims=True")
_TARGET = re.compile(r"def \w+\(self, \w+, (y_true|targets?|labels?|t|y)\b")
_ZERO = re.compile(r"^_?(zero|clear|reset)_?(all_)?(grad|gradient|param_grad|d?params)s?$", re.I)
_TINY = re.compile(r"(?<![\w.])(\d*\.?\d+e-0*(?:[4-9]|1\d|2\d|30)|0?\.0000*\d+)\b", re.I)


def conventions_of(
    driver: Driver, setup: Setup, shot: Shot, text: str, tolerance: float
) -> tuple[tuple[Finding, ...], Shot]:
    """Give the conventions that the code follows, and the probe judged under them."""
    said = driver.conventions(shot.run) if shot.run is not None else []
    if driver.chained:
        shot = _on_purpose(driver, shot, said)
    middle = driver.upstream == "upstream" and not driver.chained
    if middle and not shot.right and _is_loss(driver, shot):
        shot = _starting(driver, shot, tolerance, said)
    if driver.averages and shot.upstream and np.ndim(shot.upstream[0]):
        sentence = "forward gives a loss for each sample; backward is that of their mean."
        said.append(Finding(CONVENTION, "mean-of-losses", sentence))
    if driver.upstream not in ("upstream", "input") and not shot.right:
        shot = _averaged(driver, shot, tolerance, said)
    if driver.upstream == "output":
        said.append(_said_of_output(driver))
    said += said_of_penalties(driver, setup.proposal)
    if setup.proposal.dims["N"] == 1:
        sentence = "it takes one sample at a time: with more, backward raises or is wrong."
        said.append(Finding(CONVENTION, "one-sample", sentence))
    if setup.proposal.world.startswith("column") and driver.upstream == "upstream":
        shot = _averages_parameters(driver, shot, tolerance, said)
    shot = replace(shot, comparisons=[_kept(driver, shot, c, said) for c in shot.comparisons])
    literal = tiny_literal(text)
    off = [c for c in shot.comparisons if not c.kind and c.error > _EXACT]
    if literal and off:
        names = ", ".join(c.gradient.shown for c in off)
        sentence = (
            f"{names} differs by {max(c.error for c in off):.0e} from the derivative of its "
            f"forward, which has an epsilon of {literal} that backward leaves out."
        )
        said.append(Finding(CONVENTION, "small-epsilon", sentence, names))
    return tuple(said), shot


def tiny_literal(text: str) -> str:
    """Give the first number of a text that is small enough to be an epsilon; "" without one."""
    found = [m[0] for m in _TINY.finditer(text) if 0 < float(m[0]) <= LARGEST_EPSILON]
    return max(found, key=float) if found else ""


def conventional(shot: Shot) -> Shot:
    """Give a probe without what the conventions already said have settled."""
    kinds = [replace(c, kind="") if c.kind == "kept-dimension" else c for c in shot.comparisons]
    return replace(shot, comparisons=kinds)


def empty_without_padding(shot: Shot) -> Finding | None:
    """Say that ``dx[p:-p]`` is empty where a padding of ``p`` is not the usual one but 0."""
    empty = [c for c in shot.wrong if c.found is not None and not c.found.size and c.expected.size]
    if not shot.setting.endswith(" = 0") or not empty or len(empty) < len(shot.wrong):
        return None
    names = ", ".join(c.gradient.shown for c in empty)
    sentence = f"with {shot.setting} {names} is empty, as `dx[p:-p]` is where p is 0."
    return Finding(CONVENTION, "padded-only", sentence, names)


def _on_purpose(driver: Driver, shot: Shot, said: list[Finding]) -> Shot:
    """Leave out gradients that are not meant to be those of forward, which is flat or the identity.

    What a library differentiates itself is written by hand for the sake of another gradient: one
    that passes through ``sign``, or comes back reversed from what changes nothing.
    """
    if shot.run is None or shot.error is not None or not driver.inputs:
        return shot
    first = driver.inputs[0].name
    same = np.array_equal(shot.run.outputs[0], np.asarray(shot.given.get(first)))
    meant = [
        c
        for c in shot.wrong
        if c.kind == "value" and ((same and c.gradient.leaf == first) or not np.any(c.expected))
    ]
    for c in meant:
        why = "forward is the identity" if same else "forward is flat: its derivative is 0"
        sentence = f"{why}. {c.gradient.shown} is another gradient, on purpose."
        said.append(Finding(CONVENTION, "surrogate", sentence, c.gradient.shown))
    gone = {c.gradient.leaf for c in meant}
    return replace(
        shot,
        leaves={k: v for k, v in shot.leaves.items() if k not in gone},
        comparisons=[c for c in shot.comparisons if c not in meant],
    )


def _is_loss(driver: Driver, shot: Shot) -> bool:
    return len(shot.upstream) == 1 and any(driver.is_label(p.name) for p in driver.inputs)


def _again(driver: Driver, shot: Shot, tolerance: float) -> Shot:
    with quiet():
        again = prepared(driver, shot.given, shot.seed, leaves=list(shot.leaves), doubtful=False)
    again.truth.doubts = shot.truth.doubts
    return shoot(driver, again, tolerance)


def _starting(driver: Driver, shot: Shot, tolerance: float, said: list[Finding]) -> Shot:
    """See whether backward ignores what it is given because the chain begins there."""
    if shot.error is not None or not _ignores(driver, shot, tolerance):
        return shot
    tried = []
    for averages in (False, True) if np.ndim(shot.upstream[0]) else (False,):
        driver.upstream, driver.averages = "none", averages
        tried.append((len(_again(driver, shot, tolerance).wrong), averages))
    driver.averages = min(tried)[1]
    sentence = "backward starts the chain: it takes the gradient that comes in for 1" + (
        " and averages over the losses of the samples." if driver.averages else "."
    )
    said.append(Finding(CONVENTION, "starts-the-chain", sentence))
    return _again(driver, shot, tolerance)


def _ignores(driver: Driver, shot: Shot, tolerance: float) -> bool:
    """Whether another upstream gradient changes nothing."""
    other = shoot(driver, replace(shot, upstream=tuple(-0.7 * w for w in shot.upstream)), tolerance)
    pairs = zip(shot.comparisons, other.comparisons, strict=False)
    return bool(shot.comparisons) and all(
        a.found is not None and np.array_equal(a.found, np.asarray(b.found)) for a, b in pairs
    )


def _averaged(driver: Driver, shot: Shot, tolerance: float, said: list[Finding]) -> Shot:
    """See whether forward gives a loss for each sample and backward is that of their mean."""
    if not shot.upstream or not np.ndim(shot.upstream[0]) or driver.averages:
        return shot
    driver.averages = True
    again = _again(driver, shot, tolerance)
    if again.right or len(again.wrong) < len(shot.wrong):
        sentence = "forward gives a loss for each sample; backward is that of their mean."
        said.append(Finding(CONVENTION, "mean-of-losses", sentence))
        return again
    driver.averages = False
    return shot


def _averages_parameters(driver: Driver, shot: Shot, tolerance: float, said: list[Finding]) -> Shot:
    """See whether the mean of the loss is taken where the gradients of parameters are.

    Samples stand in columns, and every parameter's gradient is divided by their number, as in
    ``dW = 1/m * np.dot(dZ, A.T)``; that of the input is not.
    """
    wrong = {c.gradient.leaf for c in shot.wrong}
    own = {c.gradient.leaf for c in shot.comparisons} - {driver.inputs[0].name}
    if shot.error is not None or len(own) < 2 or wrong != own:
        return shot
    driver.averages_parameters = True
    again = shoot(driver, replace(shot), tolerance)
    if not again.right:
        driver.averages_parameters = False
        return shot
    names = ", ".join(c.gradient.shown for c in shot.comparisons if c.gradient.leaf in own)
    sentence = (
        f"{names} are divided by the number of samples, the gradient of the input is not: the 1/m "
        "of the loss is left to the parameters."
    )
    said.append(Finding(CONVENTION, "averages-parameters", sentence, names))
    return again


def _said_of_output(driver: Driver) -> Finding:
    if isinstance(driver, DerivativeDriver):
        name = driver.takes[0].name if driver.takes else "its argument"
        sentence = f"it takes the output of the function ({name}), not the input."
        return Finding(CONVENTION, "takes-output", sentence)
    sentence = (
        "backward is given the output of the activation inside; its gradient is that of the scores."
    )
    return Finding(CONVENTION, "of-scores", sentence)


def _kept(driver: Driver, shot: Shot, c: Comparison, said: list[Finding]) -> Comparison:
    """Tell a harmless axis of length 1 from one that changes the shape of a parameter."""
    if c.kind != "kept-dimension":
        return c
    assert c.found is not None
    known = c.gradient.leaf not in getattr(driver, "loose", [])
    try:
        fits = np.broadcast_shapes(c.found.shape, c.expected.shape) == c.expected.shape
    except ValueError:
        fits = False
    meant = re.search(r"zeros\(\((1, ){2,}", driver.source.text(driver.backward_function))
    if known and not fits and not meant:  # np.zeros((1, 1, 1, F)) says how the author keeps it
        return replace(c, kind="shape")
    if fits and c.found.ndim < c.expected.ndim and _is_kept_elsewhere(driver, shot, c):
        return replace(c, kind="shape")
    label, leaf = c.gradient.shown, c.gradient.leaf
    sentence = f"{label} has shape {c.found.shape} where {leaf} has {c.expected.shape}."
    said.append(Finding(CONVENTION, "kept-dimension", sentence, label))
    return replace(c, kind="")


def _is_kept_elsewhere(driver: Driver, shot: Shot, c: Comparison) -> bool:
    """Whether the author keeps such an axis in other gradients: then this one is no convention."""
    first = driver.inputs[0].name if driver.inputs else ""
    for other in shot.comparisons:
        alike = other.expected.shape[:1] == c.expected.shape[:1] == (1,)
        if alike and other.gradient.leaf not in (c.gradient.leaf, first) and not other.kind:
            return True
    if not isinstance(driver, LayerDriver):
        return False
    others = [k for k in driver.candidate.namespace.values() if isinstance(k, type)]
    methods = [vars(k).get(driver.backward_name) for k in others if k is not driver.cls]
    texts = [driver.source.text(m) for m in methods if hasattr(m, "__code__")]
    return any(_KEEPS.search(text) for text in texts)


def averages_its_losses(driver: Driver) -> bool:
    """Whether a loss for each sample is followed by their mean.

    Another method of the class says so, as ``calculate`` does, or other losses of the file: their
    backward divides by the number of samples.
    """
    if not isinstance(driver, LayerDriver) or driver.upstream not in ("prediction", "output"):
        return False
    for base in driver.cls.__mro__[:-1]:
        for name, item in vars(base).items():
            if name in (driver.forward_name, driver.backward_name) or not callable(item):
                continue
            text = driver.source.text(item) if hasattr(item, "__code__") else ""
            if f".{driver.forward_name}(" in text and "mean(" in text:
                return True
    if _DIVIDES.search(driver.source.text(driver.backward_function)):
        return True
    others = [c for c in driver.candidate.namespace.values() if isinstance(c, type)]
    texts = [
        driver.source.text(vars(c)[driver.backward_name])
        for c in others
        if c is not driver.cls and hasattr(vars(c).get(driver.backward_name), "__code__")
    ]
    return any(_DIVIDES.search(text) and _TARGET.search(text) for text in texts)


def accumulates(driver: Driver, shot: Shot) -> Finding | None:
    """Say that gradients add up on purpose: something in the file sets them to zero."""
    if "b" not in shot.plan.lower()[:-1] or not shot.wrong:
        return None
    labels = ", ".join(c.gradient.shown for c in shot.wrong)
    pytorch = all(re.search(r"\.(_?grad|gradient)$", c.gradient.label) for c in shot.wrong)
    classes = [c for c in driver.candidate.namespace.values() if isinstance(c, type)]
    names = {n for c in classes for n in dir(c)} | set(driver.candidate.namespace)
    if not pytorch and not any(_ZERO.match(name) for name in names):
        return None
    sentence = f"{labels}: added to what is there, until it is set to zero."
    return Finding(CONVENTION, "accumulates", sentence, labels)


def widened(driver: Driver, proposal: Proposal, shot: Shot, seed: int) -> tuple[Finding, ...]:
    """See whether gradients of single precision come back in double."""
    given = proposal.draw(seed, np.float32)
    try:
        leaves = {k: v for k, v in leaves_of(driver, given).items() if k in shot.leaves}
        upstream = tuple(np.asarray(w, np.float32)[()] for w in shot.upstream)
        single = replace(shot, given=given, leaves=leaves, upstream=upstream, plan="fb", before=())
        with quiet():
            run = play(driver, single)
    except Exception:
        return ()
    if any(getattr(y, "dtype", None) != np.float32 for y in run.outputs):
        return ()
    wide = [
        g.shown
        for g in driver.gradients(run, leaves)
        if getattr(leaves.get(g.leaf), "dtype", None) == np.float32
        and getattr(g.value, "dtype", None) == np.float64
    ]
    if not wide:
        return ()
    names = ", ".join(wide)
    sentence = f"{names}: float64, where everything that goes in is float32."
    return (Finding(CONVENTION, "wider", sentence, names),)
