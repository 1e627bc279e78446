"""Subclasses of `torch.autograd.Function`: verdict, cause and line.

Where torch is installed: ``PYTHONPATH=src python -m pytest tests/check/test_torch_functions.py``.
"""

import re
import subprocess
import sys

import numpy as np
import pytest
from check.writing import write

from clearprop.check.handwritten.judging import check_file, judge
from clearprop.check.handwritten.objects import find_in_object
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.styles import driver_for

torch = pytest.importorskip("torch", reason="torch is not installed")

HEAD = """
import numpy as np
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

class F(Function):
    @staticmethod
"""


def function(text):
    """Give a class: the methods of ``text``, each a static one."""
    lines = text.strip("\n").splitlines()
    body = "\n".join("    " + line for line in lines)
    return HEAD + body.replace("    def backward", "    @staticmethod\n    def backward").replace(
        "    def setup", "    @staticmethod\n    def setup"
    )


def judged(tmp_path, text):
    path = write(tmp_path, "functions.py", function(text))
    report = check_file(path)
    assert not report.notes
    [judgement] = report.judgements
    assert judgement.style == "torch"
    return judgement, path.read_text().splitlines()


LINEAR = """
def forward(ctx, x, weight, bias=None):
    ctx.save_for_backward(x, weight, bias)
    y = x.mm(weight.t())
    return y if bias is None else y + bias
def backward(ctx, grad_output):
    x, weight, bias = ctx.saved_tensors
    grad_x = grad_output.mm(weight)
    grad_weight = grad_output.t().mm(x)
    grad_bias = None if bias is None else grad_output.sum(0)
    return grad_x, grad_weight, grad_bias
"""
ENTROPY = """
def forward(ctx, logits, target):
    p = torch.softmax(logits, dim=1)
    ctx.save_for_backward(p, target)
    return -torch.log(p[torch.arange(len(target)), target]).mean()
def backward(ctx, grad_output):
    p, target = ctx.saved_tensors
    grad = p.clone()
    grad[torch.arange(len(target)), target] -= 1
    return grad / len(target) * grad_output, None
"""
NORM = """
def forward(ctx, x, gamma, beta, eps=1e-5):
    var = x.var(0, unbiased=False)
    xhat = (x - x.mean(0)) / torch.sqrt(var + eps)
    ctx.save_for_backward(xhat, gamma, var)
    ctx.eps = eps
    return gamma * xhat + beta
def backward(ctx, dout):
    xhat, gamma, var = ctx.saved_tensors
    dgamma = (dout * xhat).sum(0)
    dbeta = dout.sum(0)
    dxhat = dout * gamma
    n = dout.shape[0]
    dx = n * dxhat - dxhat.sum(0) - xhat * (dxhat * xhat).sum(0)
    return dx / (n * torch.sqrt(var + ctx.eps)), dgamma, dbeta, None
"""
EXP = """
def forward(ctx, x):
    y = torch.exp(x)
    ctx.save_for_backward(y)
    return y
def backward(ctx, grad_output):
    y, = ctx.saved_tensors
    return grad_output * y
"""
RELU = """
def forward(ctx, x):
    ctx.save_for_backward(x)
    return x.clamp(min=0)
def backward(ctx, grad_output):
    x, = ctx.saved_tensors
    grad_input = grad_output.clone()
    grad_input[x < 0] = 0
    return grad_input
"""
SCALE = """
def forward(ctx, x, alpha):
    ctx.alpha = alpha
    return x * alpha
def backward(ctx, grad_output):
    return grad_output * ctx.alpha, None
"""
SOFTMAX = """
def forward(ctx, x, dim):
    ctx.dim = dim
    y = torch.softmax(x, dim)
    ctx.save_for_backward(y)
    return y
def backward(ctx, g):
    y, = ctx.saved_tensors
    dx = y * (g - (g * y).sum(ctx.dim, keepdim=True))
    return dx, None
"""
LEARNED = """
def forward(ctx, x, alpha):
    ctx.save_for_backward(x, alpha)
    return torch.where(x > 0, x, alpha * x)
def backward(ctx, grad_output):
    x, alpha = ctx.saved_tensors
    low = x * (x <= 0)
    return grad_output * torch.where(x > 0, torch.ones_like(x), alpha), (grad_output * low).sum()
"""
SETS_UP = """
def forward(x):
    return x ** 3, 2 * x
def setup_context(ctx, inputs, output):
    x, = inputs
    ctx.save_for_backward(x)
def backward(ctx, g, h):
    x, = ctx.saved_tensors
    return 3 * x ** 2 * g + 2 * h
"""
LARGEST = """
def forward(ctx, x):
    value, index = x.max(1)
    ctx.mark_non_differentiable(index)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(index)
    ctx.count = x.shape[1]
    return value, index
def backward(ctx, g, nothing):
    index, = ctx.saved_tensors
    assert nothing is None
    return g[:, None] * torch.nn.functional.one_hot(index, ctx.count)
"""
DROPS = """
def forward(ctx, x):
    ctx.mask = torch.rand_like(x) > 0.4
    return x * ctx.mask
def backward(ctx, g):
    return g * ctx.mask
"""
IN_PLACE = """
def forward(ctx, x):
    ctx.mark_dirty(x)
    x.tanh_()
    ctx.save_for_backward(x)
    return x
@once_differentiable
def backward(ctx, g):
    y, = ctx.saved_tensors
    return g * (1 - y * y)
""".replace("@once_differentiable\ndef backward", "def backward")
THROUGH_NUMPY = """
def forward(ctx, x):
    ctx.save_for_backward(x)
    return torch.from_numpy(np.sin(x.detach().numpy()))
def backward(ctx, g):
    x, = ctx.saved_tensors
    return torch.from_numpy(g.numpy() * np.cos(x.detach().numpy()))
"""
BIAS = """
def forward(ctx, x, b):
    return x + b
def backward(ctx, g):
    return g, g.sum(dim=0)
"""
SQUARES = """
def forward(ctx, x):
    ctx.save_for_backward(x)
    return (x ** 2).mean()
def backward(ctx, g):
    x, = ctx.saved_tensors
    return g * 2 * x / x.numel()
"""
SILU = """
def forward(ctx, i):
    ctx.save_for_backward(i)
    return i * torch.sigmoid(i)
def backward(ctx, grad_output):
    i = ctx.saved_tensors[0]
    s = torch.sigmoid(i)
    return grad_output * (s * (1 + i * (1 - s)))
"""
NEEDED = """
def forward(ctx, x, weight):
    ctx.save_for_backward(x, weight)
    return x.mm(weight.t())
def backward(ctx, grad_output):
    if not any(ctx.needs_input_grad):
        return None, None
    x, weight = ctx.saved_tensors
    grad_x = grad_weight = None
    if ctx.needs_input_grad[0]:
        grad_x = grad_output.mm(weight)
    if ctx.needs_input_grad[1]:
        grad_weight = grad_output.t().mm(x)
    return grad_x, grad_weight
"""
RIGHT = {
    "bias": BIAS,
    "squares": SQUARES,
    "silu": SILU,
    "needed": NEEDED,
    "linear": LINEAR,
    "entropy": ENTROPY,
    "norm": NORM,
    "exp": EXP,
    "relu": RELU,
    "scale": SCALE,
    "softmax": SOFTMAX,
    "learned": LEARNED,
    "sets up": SETS_UP,
    "largest": LARGEST,
    "drops": DROPS,
    "in place": IN_PLACE,
    "through numpy": THROUGH_NUMPY,
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_correct(tmp_path, name):
    judgement, _ = judged(tmp_path, RIGHT[name])
    assert judgement.verdict == "correct", (judgement.reason, judgement.findings)
    assert judgement.gradients


#: Of a right one: what stands there, what is written instead; cause, line, remedy.
WRONG = {
    "saved the input": (EXP, "(y)", "(x)", "wrong-value", "save_for_backward(x)", "ward(y)"),
    "sign": (EXP, "output * y", "output * -y", "sign", "return", ""),
    "mask": (RELU, "[x < 0]", "[x > 0]", "mask", "grad_input[x > 0]", "x <"),
    "transposed": (
        LINEAR,
        "grad_output.t().mm(x)",
        "x.t().mm(grad_output)",
        "transposed",
        "x.t().mm",
        "",
    ),
    "sum over the wrong axis": (LINEAR, "sum(0)", "sum(1)", "batch-sum", "sum(1)", ""),
    "too large by N": (ENTROPY, "grad / len(target)", "grad", "batch-factor", "return grad", ""),
    "ignores": (ENTROPY, " * grad_output", "", "upstream-ignored", "return grad", "grad_output"),
    "a term of the mean": (NORM, " - dxhat.sum(0)", "", "missing-term", "dx", ""),
    "none": (LINEAR, "return grad_x, grad_weight", "return grad_x, None", "none", "return", ""),
    "too few": (SCALE, ", None", "", "raises", "return", "return grad_output * ctx.alpha, None"),
    "too many": (
        EXP,
        "return grad_output * y",
        "return grad_output * y, y",
        "raises",
        "return",
        "",
    ),
    "a number's": (SOFTMAX, "dx, None", "dx, dx", "raises", "return dx", "return dx, None"),
    "a diagonal": (
        SOFTMAX,
        "(g - (g * y).sum(ctx.dim, keepdim=True))",
        "g * (1 - y)",
        "",
        "dx",
        "",
    ),
    "writes": (
        RELU,
        "grad_output.clone()",
        "grad_output",
        "overwritten",
        "= grad_output",
        "clone()",
    ),
    "saved nothing": (
        EXP,
        "    ctx.save_for_backward(y)\n",
        "",
        "unset",
        "ctx.saved_tensors",
        "ctx.save_for_backward(y)",
    ),
    "kept nothing": (
        SCALE,
        "    ctx.alpha = alpha\n",
        "",
        "unset",
        "def forward",
        "ctx.alpha = alpha",
    ),
    "a softmax's diagonal": (
        SOFTMAX,
        "(g - (g * y).sum(ctx.dim, keepdim=True))",
        "g * (1 - y)",
        "jacobian",
        "dx = ",
        "torch.sum(g * y, dim=-1, keepdim=True)",
    ),
    "dim": (BIAS, "dim=0", "dim=1", "batch-sum", "dim=1", "g.sum(dim=0)"),
    "numel": (SQUARES, " / x.numel()", "", "batch-factor", "2 * x", "x.numel()"),
    "twice transposed": (
        NEEDED,
        "mm(weight)",
        "mm(weight.t())",
        "transposed",
        "grad_x =",
        "mm(weight)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_fault_with_its_cause_and_line(tmp_path, name):
    right, before, after, cause, line, remedy = WRONG[name]
    assert before in right
    judgement, lines = judged(tmp_path, right.replace(before, after, 1))
    assert judgement.verdict == "fault"
    found = judgement.findings[0]
    assert found.cause == cause or not cause, found
    assert line in lines[found.place.line - 1], found
    assert remedy in found.remedy


@pytest.mark.parametrize("name", WRONG)
def test_remedies_are_written_for_tensors(tmp_path, name):
    right, before, after, *_ = WRONG[name]
    judgement, _ = judged(tmp_path, right.replace(before, after, 1))
    for finding in judgement.findings:
        assert not re.search(
            r"\bnp\.|axis=|keepdims|\.copy\(|self\.", finding.remedy + finding.sentence
        )


SIGN = """
def forward(ctx, x):
    return torch.sign(x)
def backward(ctx, g):
    return g
"""
REVERSAL = """
def forward(ctx, x, strength):
    ctx.strength = strength
    return x.view_as(x)
def backward(ctx, g):
    return -ctx.strength * g, None
"""


@pytest.mark.parametrize(("text", "why"), [(SIGN, "flat"), (REVERSAL, "the identity")])
def test_another_gradient_may_be_the_purpose(tmp_path, text, why):
    judgement, _ = judged(tmp_path, text)
    assert judgement.verdict == "convention"
    [said] = judgement.findings
    assert said.cause == "surrogate"
    assert why in said.sentence


@pytest.mark.parametrize("text", [SIGN, REVERSAL])
def test_even_then_nothing_is_written_to(tmp_path, text):
    judgement, _ = judged(tmp_path, text.replace("ctx, g):", "ctx, g):\n    g *= 2"))
    assert judgement.verdict == "fault"
    assert judgement.findings[0].cause == "overwritten"


def test_each_argument_alone_needs_its_gradient(tmp_path):
    swapped = (
        NEEDED.replace("grad[0]", "grad[9]").replace("grad[1]", "grad[0]").replace("[9]", "[1]")
    )
    judgement, lines = judged(tmp_path, swapped)
    found = judgement.findings[0]
    assert (judgement.verdict, found.cause, found.gradient) == ("fault", "wrong-value", "grad_x")
    assert "in their order: x, weight" in found.sentence
    assert "needs_input_grad[1]" in lines[found.place.line - 1]
    assert found.remedy == "if ctx.needs_input_grad[0]:"
    within = NEEDED.replace("    if ctx.needs_input_grad[1]:\n        grad", "        grad")
    judgement, _ = judged(tmp_path, within)
    found = judgement.findings[0]
    assert (judgement.verdict, found.cause, found.gradient) == ("fault", "none", "grad_weight")


def test_torch_sums_a_gradient_to_the_shape_of_its_input(tmp_path):
    judgement, _ = judged(tmp_path, LINEAR.replace("grad_output.sum(0)", "grad_output"))
    assert judgement.verdict == "convention"
    [said] = judgement.findings
    assert (said.cause, said.gradient) == ("kept-dimension", "grad_bias")
    assert "torch sums it over the other axes" in said.sentence


def test_an_axis_that_torch_does_not_add_is_refused(tmp_path):
    text = """
    def forward(ctx, x):
        return x.sum(0, keepdim=True) * 3
    def backward(ctx, g):
        return 3 * g.expand(4, -1).sum(0)
    """
    text = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    judgement, _ = judged(tmp_path, text)
    assert judgement.verdict == "fault"


def test_numbers_stand_alone_where_torch_cannot_differentiate(tmp_path):
    judgement, _ = judged(tmp_path, THROUGH_NUMPY)
    said = [probe for probe in judgement.probes if "numerical derivatives alone" in probe]
    assert len(said) == 1
    judgement, _ = judged(tmp_path, EXP)
    assert not any("alone" in probe for probe in judgement.probes)


def test_a_forward_that_torch_follows_wrongly_is_judged_by_numbers(tmp_path):
    text = EXP.replace("torch.exp(x)", "torch.exp(x.data) + 0 * x")
    judgement, _ = judged(tmp_path, text)
    assert judgement.verdict == "correct"
    assert any("alone" in probe for probe in judgement.probes)


def test_a_method_that_is_not_static_is_not_judged(tmp_path):
    path = write(
        tmp_path, "f.py", function(EXP).replace("    @staticmethod\n    def back", "    def back")
    )
    [judgement] = check_file(path).judgements
    assert judgement.verdict == "not judged"
    assert "@staticmethod above def backward" in judgement.reason


def test_a_function_without_backward_is_not_judged(tmp_path):
    text = EXP[: EXP.index("def backward")]
    judgement, _ = judged(tmp_path, text)
    assert (judgement.verdict, judgement.reason) == ("not judged", "it has no backward")


def test_only_tensors_are_saved(tmp_path):
    judgement, _ = judged(tmp_path, EXP.replace("backward(y)\n", "backward(2.0)\n", 1))
    assert judgement.verdict == "not judged"
    assert "can only save variables" in judgement.reason


def test_nothing_of_torch_is_left_changed(tmp_path):
    before = torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state()
    judged(tmp_path, DROPS)
    after = torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert torch.is_grad_enabled()


class Cross(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b, power):
        ctx.save_for_backward(x, w)
        ctx.power = power
        return x.mm(w) ** power + b

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        inner = g * ctx.power * x.mm(w) ** (ctx.power - 1)
        return inner.mm(w.t()), x.t().mm(inner), g, None


def test_the_gradients_are_those_of_torchs_engine():
    """What is emulated (calls, `ctx`, sums) gives what `apply` and the engine give."""
    driver = driver_for(find_in_object(Cross), Source())
    rng = np.random.default_rng(5)
    given = {"x": rng.normal(size=(4, 3)), "w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    run = driver.start(given | {"power": 3})
    [y] = driver.forward(run)
    upstream = rng.normal(size=y.shape)
    driver.backward(run, (upstream,))
    tensors = [torch.tensor(value, requires_grad=True) for value in given.values()]
    z = Cross.apply(*tensors, 3)
    z.backward(torch.tensor(upstream))
    np.testing.assert_array_equal(y, z.detach().numpy())
    found = driver.gradients(run, list(given))
    assert [g.leaf for g in found] == list(given)
    for gradient, tensor in zip(found, tensors, strict=True):
        np.testing.assert_allclose(gradient.value, tensor.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize("given", [Cross, Cross.apply], ids=["class", "apply"])
def test_a_class_of_the_running_program(given):
    candidate = find_in_object(given)
    assert (candidate.name, candidate.style) == ("Cross", "torch")
    judgement = judge(candidate)
    assert judgement.verdict == "convention"  # the gradient of b is summed by torch
    assert set(judgement.shapes) == {"x", "w", "b"}


REFUSED = {
    "few": lambda g: g,
    "number": lambda g: (g, 1.0),
    "float's": lambda g: (g, g),
    "list": lambda g: [g, None],
    "shape": lambda g: (g[0], None),
}


@pytest.mark.parametrize("name", ["few", "number", "float's", "list"])
def test_torch_refuses_what_is_refused(name):
    """The engine and the driver raise for the same."""
    given = REFUSED[name]

    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            return x * k

        @staticmethod
        def backward(ctx, g):
            return given(g)

    x = torch.ones(3, 2, requires_grad=True)
    with pytest.raises((RuntimeError, TypeError)) as theirs:
        Odd.apply(x, 2).sum().backward()
    driver = driver_for(find_in_object(Odd), Source())
    run = driver.start({"x": np.ones((3, 2)), "k": 2})
    driver.forward(run)
    with pytest.raises(RuntimeError) as ours:
        driver.backward(run, (np.ones((3, 2)),))
    said = str(theirs.value).replace("OddBackward", "")[:40]
    assert said in str(ours.value).replace("OddBackward", "")


def test_clearprop_does_not_import_torch():
    code = (
        "import sys; from clearprop.check.handwritten import judging; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
