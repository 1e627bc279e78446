"""A fault is put into a layer; the statement that was there is among the edits."""

import ast
import numpy as np
import pytest
from handwritten import LAYERS

from clearprop.check.handwritten.edits import compile_function, edits, scope_of
from clearprop.check.handwritten.edits.trees import Forms

#: layer, the right text, the wrong text in its place, the cause, the number of edits within which
CASES = [
    ("affine", "np.dot(dout, self.W.T)", "np.dot(dout, self.W)", "transposed", 60),
    ("affine", "np.dot(dout, self.W.T)", "np.dot(dout, self.dW.T)", "unset", 300),
    ("affine", "np.dot(dout, self.W.T)", "np.dot(self.W.T, dout)", "transposed", 120),
    ("affine", "np.dot(self.x.T, dout)", "np.dot(self.x, dout)", "transposed", 60),
    ("affine", "np.dot(self.x.T, dout)", "np.dot(dout, self.x)", "transposed", 300),
    ("affine", "np.dot(self.x.T, dout)", "np.dot(dout.T, self.x)", "transposed", 200),
    (
        "affine",
        "np.dot(self.x.T, dout)",
        "np.dot(self.x.T, dout) / self.x.shape[0]",
        "batch-factor",
        60,
    ),
    ("affine", "np.dot(self.x.T, dout)", "self.x * dout", "operator", 400),
    ("affine", "np.sum(dout, axis=0)", "np.sum(dout, axis=1)", "batch-sum", 60),
    ("affine", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "batch-sum", 60),
    ("affine", "np.sum(dout, axis=0)", "np.sum(dout)", "batch-sum", 60),
    ("affine", "self.db = np.sum(dout, axis=0)", "self.db = dout", "batch-sum", 60),
    (
        "affine",
        "self.db = np.sum(dout, axis=0)",
        "self.db += np.sum(dout, axis=0)",
        "accumulated",
        100,
    ),
    ("affine", "np.dot(self.x.T, dout)", "-np.dot(self.x.T, dout)", "sign", 30),
    ("affine", "        return dx\n", "", "none", 30),
    ("affine", "return dx", "return dout", "wrong-value", 300),
    ("dense", "np.sum(dvalues, axis=0, keepdims=True)", "np.sum(dvalues, axis=0)", "shape", 80),
    ("dense", "2 * self.weight_regularizer_l2", "self.weight_regularizer_l2", "factor", 300),
    (
        "dense",
        "        self.dweights += 2 * self.weight_regularizer_l2 * self.weights\n",
        "",
        "missing-term",
        400,
    ),
    ("dense", "self.dweights += 2", "self.dweights = 2", "not-accumulated", 100),
    (
        "sgd",
        "dx = dout @ self.W.T\n        self.W -= self.lr * dW",
        "self.W -= self.lr * dW\n        dx = dout @ self.W.T",
        "updated-parameter",
        200,
    ),
    (
        "sigmoid",
        "dout * (1.0 - self.out) * self.out",
        "(1.0 - self.out) * self.out",
        "upstream-ignored",
        30,
    ),
    ("sigmoid", "dout * (1.0 - self.out) * self.out", "dout * self.out", "local-factor", 150),
    (
        "sigmoid",
        "dout * (1.0 - self.out) * self.out",
        "dout * (1.0 - self.out)",
        "local-factor",
        150,
    ),
    (
        "sigmoid",
        "dout * (1.0 - self.out) * self.out",
        "dout * (1.0 + self.out) * self.out",
        "sign",
        30,
    ),
    (
        "sigmoid",
        "dout * (1.0 - self.out) * self.out",
        "dout * (1.0 - self.x) * self.out",
        "wrong-value",
        200,
    ),
    ("tanh", "(1 - self.y ** 2)", "(1 - self.y)", "local-factor", 150),
    ("tanh", "(1 - self.y ** 2)", "(1 - self.x ** 2)", "wrong-value", 150),
    ("tanh", "(1 - self.y ** 2)", "(1 - self.y ** 2) * dy", "upstream-twice", 40),
    ("relu", "dx[self.mask] = 0", "dx[~self.mask] = 0", "mask", 30),
    ("relu", "dx[self.mask] = 0", "dx[self.mask] = 1", "mask", 150),
    ("relu", "dx = dout.copy()", "dx = dout", "overwritten", 60),
    ("relu", "        dx[self.mask] = 0\n", "", "mask", 150),
    ("relu nnfs", "self.inputs <= 0", "self.inputs >= 0", "mask", 60),
    ("relu nnfs", "self.inputs <= 0", "self.output > 0", "mask", 10**6),
    ("relu nnfs", "self.inputs <= 0", "self.inputs < 1", "mask", 10**6),
    ("leaky", "self.x > 0, 1, self.alpha", "self.x > 0, self.alpha, 1", "mask", 40),
    (
        "leaky",
        "dout * np.where(self.x > 0, 1, self.alpha)",
        "dout * self.alpha",
        "local-factor",
        10**6,
    ),
    ("softmax", "np.dot(output, output.T)", "np.dot(output.T, output)", "transposed", 300),
    ("softmax", "reshape(-1, 1)", "reshape(1, -1)", "shape", 300),
    ("softmax", "np.diagflat(output) - np", "np.diagflat(output) + np", "sign", 20),
    ("softmax", "np.dot(jacob, dvalue)", "jacob * dvalue", "operator", 300),
    (
        "softmax short",
        "self.y * (dout - np.sum(dout * self.y, axis=-1, keepdims=True))",
        "self.y * (1 - self.y) * dout",
        "jacobian",
        300,
    ),
    ("softmax short", "axis=-1, keepdims", "axis=0, keepdims", "batch-sum", 60),
    ("softmax short", "np.sum(dout * self.y", "np.sum(self.y", "upstream-ignored", 200),
    ("softmax with loss", "        dx = dx / batch_size\n", "", "batch-factor", 80),
    (
        "softmax with loss",
        "dx[np.arange(batch_size), self.t] -= 1",
        "dx[np.arange(batch_size), self.t] += 1",
        "sign",
        80,
    ),
    (
        "softmax with loss",
        "dx[np.arange(batch_size), self.t] -= 1",
        "dx[self.t, np.arange(batch_size)] -= 1",
        "window",
        200,
    ),
    ("softmax with loss", "dx = self.y.copy()", "dx = self.y", "overwritten", 300),
    ("softmax with loss", "return dx * dout", "return dx", "upstream-ignored", 60),
    ("bce", "-self.y_true / self.y_pred", "self.y_true / self.y_pred", "sign", 20),
    ("bce", "self.y_pred + (1", "self.y_pred - (1", "sign", 20),
    ("bce", "/ (1 - self.y_pred)", "/ self.y_pred", "local-factor", 400),
    ("bce", "n = self.y_true.size", "n = self.y_true.shape[0]", "batch-factor", 10**6),
    ("mse", "2 * (self.y", "(self.y", "factor", 100),
    ("mse", "(self.y - self.t)", "(self.t - self.y)", "sign", 20),
    ("dropout", "self.mask / (1 - self.rate)", "self.mask", "local-factor", 200),
    ("dropout", "self.mask / (1 - self.rate)", "self.mask / self.rate", "local-factor", 200),
    ("dropout", "self.mask / (1 - self.rate)", "self.mask * (1 - self.rate)", "local-factor", 60),
    ("batch norm", "dstd = -np.sum", "dstd = np.sum", "sign", 40),
    ("batch norm", "dxc += (2.0", "dxc = (2.0", "not-accumulated", 300),
    ("batch norm", "dx = dxc - dmu / self.batch_size", "dx = dxc - dmu", "batch-factor", 600),
    ("batch norm", "dx = dxc - dmu / self.batch_size", "dx = dxc", "missing-term", 10**6),
    ("batch norm", "(self.std * self.std)", "self.std", "local-factor", 1200),
    ("batch norm", "dvar = 0.5 * dstd", "dvar = dstd", "factor", 500),
    (
        "batch norm",
        "np.sum(self.xn * dout, axis=0)",
        "np.sum(self.xc * dout, axis=0)",
        "wrong-value",
        1200,
    ),
    (
        "batch norm",
        "np.sum(self.xn * dout, axis=0)",
        "np.sum(self.xn, axis=0) * dout",
        "batch-sum",
        900,
    ),
    ("layer norm", "dxhat = dout * gamma", "dxhat = dout", "local-factor", 900),
    (
        "layer norm",
        "dgamma = np.sum(dout * xhat, axis=0)",
        "dgamma = np.sum(dout * xhat, axis=1)",
        "batch-sum",
        100,
    ),
    ("layer norm", "np.sum(dxhat, axis=1, keepdims=True)", "np.sum(dxhat, axis=1)", "shape", 300),
    ("layer norm", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma", "exchanged", 150),
    ("conv loops", "dw[f] += window", "dw[f] = window", "not-accumulated", 400),
    (
        "conv loops",
        "i*stride:i*stride+HH, j*stride:j*stride+WW] +=",
        "i:i*stride+HH, j*stride:j*stride+WW] +=",
        "window",
        900,
    ),
    (
        "conv loops",
        "i*stride:i*stride+HH, j*stride:j*stride+WW] +=",
        "i*stride:i*stride+HH, j*stride:j*stride+WW] =",
        "not-accumulated",
        400,
    ),
    ("conv loops", "dxp[:, :, pad:-pad, pad:-pad]", "dxp", "window", 900),
    ("conv loops", "w[f] * dout[n, f, i, j]", "w[f] * dout[n, f, j, i]", "window", 900),
    ("conv im2col", "dout.transpose(0, 2, 3, 1)", "dout.transpose(0, 3, 1, 2)", "transposed", 300),
    ("conv im2col", "self.dW.transpose(1, 0).reshape", "self.dW.reshape", "transposed", 10**6),
    ("conv im2col", "self.col_W.T", "self.col_W", "transposed", 100),
    ("pooling", "axis=(2, 3), keepdims=True", "axis=(2, 3)", "shape", 300),
    ("pooling", "r = i * self.stride", "r = i", "window", 10**6),
    ("pooling", "mask * dout", "window * dout", "wrong-value", 900),
    ("pooling", "i:i+1, j:j+1]", "j:j+1, i:i+1]", "window", 900),
    ("attention", "dV = A.transpose(0, 2, 1) @ dout", "dV = A @ dout", "transposed", 900),
    (
        "attention",
        "        dS = dS / np.sqrt(d)\n".replace("        ", "    "),
        "",
        "local-factor",
        10**6,
    ),
    ("attention", "dQ = dS @ K", "dQ = dS @ Q", "wrong-value", 900),
    ("attention", "axis=-1, keepdims=True)", "axis=1, keepdims=True)", "batch-sum", 200),
    ("einsum", "'ik,jk->ij'", "'ik,kj->ij'", "transposed", 100),
    ("einsum", "'ij,ik->jk'", "'ij,ik->kj'", "transposed", 100),
    ("rnn", "(1 - next_h ** 2)", "(1 - prev_h ** 2)", "wrong-value", 900),
    ("rnn", "dWh = np.dot(prev_h.T, dz)", "dWh = np.dot(next_h.T, dz)", "wrong-value", 900),
    (
        "rnn",
        "return dx, dprev_h, dWx, dWh, db",
        "return dprev_h, dx, dWx, dWh, db",
        "exchanged",
        200,
    ),
    ("rnn", "db = np.sum(dz, axis=0)", "db = np.sum(dnext_h, axis=0)", "wrong-value", 10**6),
    ("time rnn", "dhs[:, t, :] + dh_next", "dhs[:, t, :]", "missing-term", 60),
    ("time rnn", "reversed(range(T))", "range(T)", "window", 150),
    ("time rnn", "self.dWh += self", "self.dWh = self", "not-accumulated", 200),
    ("time rnn", "self.hs[t + 1]", "self.hs[t]", "window", 600),
    (
        "time rnn",
        "        self.dh = dh_next\n        return dxs",
        "            self.dh = dh_next\n            return dxs",
        "none",
        200,
    ),
    ("lstm", "dc_prev = dc * f", "dc_prev = dc", "local-factor", 1500),
    ("lstm", "(1 - g ** 2)", "g * (1 - g)", "local-factor", 10**6),
    ("lstm", "i, f, o, g, c, c_prev = cache", "f, i, o, g, c, c_prev = cache", "exchanged", 900),
    ("lstm", "tanh_c = np.tanh(c)", "tanh_c = np.tanh(c_prev)", "wrong-value", 900),
    ("embedding", "        self.dW = np.zeros_like(self.W)\n", "", "accumulated", 200),
    (
        "mul",
        "dx = dout * self.y\n        dy = dout * self.x",
        "dx = dout * self.x\n        dy = dout * self.y",
        "exchanged",
        150,
    ),
    ("power", "(self.n - 1)", "self.n", "local-factor", 60),
    ("power", "dout * self.n * self", "dout * self", "local-factor", 150),
    ("flatten", "dout.reshape(self.shape)", "dout", "shape", 200),
    ("network", "dy @ self.params['W2'].T", "dy @ self.params['W1'].T", "wrong-value", 300),
    ("network", "/ len(self.x)", "", "batch-factor", 300),
]


class Case:
    """A layer with a fault, run forward; ``tree`` is the faulty backward."""

    def __init__(self, name, right="", wrong=""):
        source, arguments, inputs = LAYERS[name]
        before, found, after = source.rpartition(right) if right else (source, "", "")
        assert found == right
        self.source = before + wrong + after
        self.right, self.wrong = ast.parse(source), ast.parse(self.source)
        self.namespace = {"np": np}
        exec(compile(self.wrong, "layers.py", "exec"), self.namespace)
        functions = {n.name: n for n in ast.walk(self.wrong) if isinstance(n, ast.FunctionDef)}
        good = {n.name: n for n in ast.walk(self.right) if isinstance(n, ast.FunctionDef)}
        forward, backward = (
            _name(functions, words) for words in (("forward", "loss"), ("backward", "gradient"))
        )
        changed = [n for n in functions if ast.dump(functions[n]) != ast.dump(good[n])]
        backward = changed[0] if changed else backward
        self.tree, self.good = functions[backward], good[backward]
        self.instance = None
        values = {}
        if arguments is None:
            out, cache = self.namespace[forward](*inputs)
            self.function = self.namespace[backward]
            taken = _cache_names(functions[backward])
            values = dict(zip(taken, cache, strict=True))
        else:
            owner = [v for v in self.namespace.values() if isinstance(v, type)][-1]
            self.instance = owner(
                *[np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]
            )
            out = getattr(self.instance, forward)(*inputs)
            self.function = vars(owner)[
                backward if not backward.startswith("__") else f"_{owner.__name__}{backward}"
            ]
            out = getattr(self.instance, "output", out) if out is None else out
        first = self.tree.args.args[0 if self.instance is None else 1 :][:1]
        upstream = [a.arg for a in first]
        values.update(dict.fromkeys(upstream, np.ones(np.shape(out))))
        attributes = vars(self.instance) if self.instance else {}
        self.scope = scope_of(
            self.tree, attributes, functions[forward], upstream, values=values, source=self.source
        )

    def edits(self):
        return edits(self.tree, self.scope)


def _name(functions, words):
    return next(n for n in functions if any(word in n for word in words))


def _cache_names(function):
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Name)
            and node.value.id == "cache"
        ):
            return [one.id for one in node.targets[0].elts]
    raise AssertionError


def same_as(forms, good):
    wanted = forms.of(good.body)
    return lambda edit: forms.of(edit.build().body) == wanted


@pytest.mark.parametrize(("name", "right", "wrong", "cause", "within"), CASES)
def test_the_right_statement_is_among_the_edits(name, right, wrong, cause, within):
    case = Case(name, right, wrong)
    is_right = same_as(Forms(), case.good)
    found = [(i, edit) for i, edit in enumerate(case.edits()) if is_right(edit)]
    assert found
    place, edit = found[0]
    print(place, edit)
    assert edit.cause == cause
    assert place < within
