"""Derivatives without their function, and those written as a ``lambda``."""

from check.writing import write

from clearprop.check.handwritten.judging import check_file

ALONE = """
import numpy as np
def d_sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)
def relu_prime(z):
    return (z < 0) * 1.0
def tanh_derivative(y):
    return 1 - y ** 2
def softmax_backward(dout, cache):
    return dout * cache
"""


def test_a_derivative_alone_is_judged_by_the_function_of_its_name(tmp_path):
    report = check_file(write(tmp_path, "alone.py", ALONE))
    assert {j.name: j.verdict for j in report.judgements} == {
        "d_sigmoid": "correct",
        "relu_prime": "fault",
        "tanh_derivative": "convention",
        "softmax_backward": "fault",
    }
    relu = report.judgements[1].findings[0]
    assert (relu.cause, relu.place.line) == ("mask", 6)


def test_a_fault_in_a_lambda_has_its_line(tmp_path):
    text = """
    half = lambda x: x / 2
    square, square_prime = 1, 2
    square = lambda x: x ** 2
    square_prime = lambda x: 3 * x
    """
    report = check_file(write(tmp_path, "lambdas.py", text))
    [judgement] = report.judgements
    [found] = judgement.findings
    assert (judgement.name, found.cause, found.place.line) == ("square_prime", "factor", 4)
    assert "2 in the place of 3" in found.sentence
