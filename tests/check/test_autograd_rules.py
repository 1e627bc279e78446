"""Rules of HIPS autograd (``defvjp``): verdict, cause and line.

Where autograd is installed: ``PYTHONPATH=src python -m pytest tests/check/test_autograd_rules.py``.
"""

import pytest
from check.writing import write

from clearprop.check.handwritten.judging import check_file, judge
from clearprop.check.handwritten.objects import find_in_object

autograd = pytest.importorskip("autograd", reason="autograd is not installed")

LOGSUMEXP = """
@primitive
def f(x, axis=None, keepdims=False):
    m = np.max(x, axis=axis, keepdims=True)
    y = m + np.log(np.sum(np.exp(x - m), axis=axis, keepdims=True))
    if keepdims:
        return y
    return np.squeeze(y, axis=axis) if axis is not None else y.reshape(())
def rule(ans, x, axis=None, keepdims=False):
    def pull(g):
        a = ans
        if axis is not None and not keepdims:
            g, a = np.expand_dims(g, axis), np.expand_dims(ans, axis)
        return g * np.exp(x - a)
    return pull
defvjp(f, rule)
"""
TIMES = """
def unbroadcast(target, g):
    while np.ndim(g) > np.ndim(target):
        g = np.sum(g, axis=0)
    for axis, size in enumerate(np.shape(target)):
        if size == 1:
            g = np.sum(g, axis=axis, keepdims=True)
    return g
@primitive
def f(x, y):
    return x * np.exp(y)
defvjp(
    f,
    lambda ans, x, y: lambda g: unbroadcast(x, g * np.exp(y)),
    lambda ans, x, y: lambda g: unbroadcast(y, g * ans),
)
"""
PRODUCT = """
@primitive
def f(a, b):
    return a @ b
def rule(argnum, ans, args, kwargs):
    a, b = args
    if argnum == 0:
        return lambda g: g @ b.T
    return lambda g: a.T @ g
defvjp_argnum(f, rule)
"""
TANH = """
@primitive
def f(x):
    return anp.tanh(x)
defvjp(f, lambda ans, x: lambda g: g * (1 - ans ** 2))
"""
DISTANCE = """
@primitive
def f(x, target):
    return np.sum((x - target) ** 2)
defvjp(f, lambda ans, x, target: lambda g: 2 * g * (x - target), None)
"""
HEAD = """
import autograd.numpy as anp
import numpy as np
from autograd.extend import defvjp, defvjp_argnum, primitive
"""
RIGHT = {
    "logsumexp": LOGSUMEXP,
    "times": TIMES,
    "product": PRODUCT,
    "tanh": TANH,
    "distance": DISTANCE,
}


def judged(tmp_path, text):
    path = write(tmp_path, "rules.py", HEAD + text)
    report = check_file(path)
    assert not report.notes
    [judgement] = report.judgements
    assert (judgement.name, judgement.style) == ("f", "autograd")
    return judgement, path.read_text().splitlines()


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_correct(tmp_path, name):
    judgement, _ = judged(tmp_path, RIGHT[name])
    assert judgement.verdict == "correct", (judgement.reason, judgement.findings)
    assert judgement.gradients


#: Of a right one: what stands there, what is written instead, cause, gradient, line, remedy.
WRONG = {
    "the axis is forgotten": (
        LOGSUMEXP,
        "g, a = np.expand_dims(g, axis), np.expand_dims(ans, axis)",
        "pass",
        "raises",
        "",
        "return g * np.exp(x - a)",
        "",
    ),
    "sign": (LOGSUMEXP, "np.exp(x - a)", "-np.exp(x - a)", "sign", "dx", "return g * -np", ""),
    "no unbroadcast": (
        TIMES,
        "unbroadcast(y, g * ans)",
        "g * ans",
        "batch-sum",
        "dy",
        "lambda ans, x, y: lambda g: g * ans",
        "",
    ),
    "sign in a lambda": (
        TIMES,
        "g * ans)",
        "-g * ans)",
        "sign",
        "dy",
        "-g * ans",
        "lambda ans, x, y: lambda g: ",
    ),
    "transposed": (PRODUCT, "a.T @ g", "g.T @ a", "transposed", "db", "g.T @ a", "a.T @ g"),
    "the input for the output": (TANH, "ans ** 2", "x ** 2", "wrong-value", "dx", "x **", "ans **"),
    "factor": (DISTANCE, "2 * g *", "g *", "factor", "dx", "lambda g: g *", ""),
    "ignores": (DISTANCE, "2 * g *", "2 *", "upstream-ignored", "dx", "lambda g: 2 *", ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_fault_with_its_cause_and_line(tmp_path, name):
    right, before, after, cause, gradient, line, remedy = WRONG[name]
    assert before in right
    judgement, lines = judged(tmp_path, right.replace(before, after, 1))
    assert judgement.verdict == "fault"
    found = judgement.findings[0]
    assert found.cause == cause or not cause, found
    assert found.gradient == gradient or not gradient
    assert line in lines[found.place.line - 1], found
    assert remedy in found.remedy


def test_two_rules_in_one_line_are_told_apart(tmp_path):
    text = """
    @primitive
    def f(x, y):
        return x + y * y
    defvjp(f, lambda ans, x, y: lambda g: g, lambda ans, x, y: lambda g: g * y, argnums=(0, 1))
    """
    text = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    path = write(tmp_path, "rules.py", HEAD + text)
    [judgement] = check_file(path).judgements
    found = judgement.findings[0]
    assert (judgement.verdict, found.gradient) == ("fault", "dy")
    assert found.remedy.startswith("lambda ans, x, y: lambda g: ")
    assert "y" in found.remedy.partition("g: ")[2]


def test_a_rule_is_no_candidate_itself(tmp_path):
    text = TANH.replace("lambda ans, x: lambda g: g * (1 - ans ** 2)", "dtanh").replace(
        "defvjp", "def dtanh(ans, x):\n    return lambda g: g * (1 - ans ** 2)\ndefvjp"
    )
    judgement, _ = judged(tmp_path, text)
    assert judgement.verdict == "correct"


def test_a_function_that_autograd_was_told_nothing_of(tmp_path):
    text = TANH.replace("defvjp(f, ", "f.defvjp(")
    path = write(tmp_path, "rules.py", HEAD + text)
    [judgement] = check_file(path).judgements
    assert judgement.verdict == "not judged"
    assert judgement.reason == "autograd knows no rule for it"


@autograd.extend.primitive
def third(x):
    return x**3


autograd.extend.defvjp(third, lambda ans, x: lambda g: 3 * g * x)


def test_a_primitive_of_the_running_program():
    candidate = find_in_object(third)
    assert (candidate.name, candidate.style) == ("third", "autograd")
    judgement = judge(candidate)
    assert judgement.verdict == "fault"
    assert "defvjp(third" in judgement.findings[0].place.text


def test_the_file_s_own_name_of_numpy_is_known_and_written(tmp_path):
    text = """
    import autograd.numpy as anp
    from autograd.extend import defvjp, primitive
    @primitive
    def f(x):
        return anp.sum(x, axis=0)
    defvjp(f, lambda ans, x: lambda g: anp.sum(g) * anp.ones_like(x))
    """
    [judgement] = check_file(write(tmp_path, "rules.py", text)).judgements
    found = judgement.findings[0]
    assert found.cause == "batch-sum"
    assert found.remedy == "lambda ans, x: lambda g: g * anp.ones_like(x)"


def test_the_lines_of_a_function_in_a_rule_have_run(tmp_path):
    text = """
@primitive
def f(x):
    return np.maximum(x, 0)
def rule(ans, x):
    def pull(g):
        if isinstance(g, int):
            g = 7 * g
        return g * (x > 0)
    return pull
defvjp(f, rule)
"""
    judgement, lines = judged(tmp_path, text)
    assert judgement.verdict == "correct"
    [lost] = judgement.unjudged
    assert "7 * g" in lines[lost.place.line - 1]
