"""Backward passes with a branch that the first inputs do not take."""

#: name, source, what is right in the branch, what is wrong, the cause, what leads there
REACHED = [
    (
        "Norm",
        '''
        import numpy as np

        class Norm:
            """Takes the mean away, of the batch or of nothing."""

            def __init__(self, n, mode="batch"):
                self.g = np.ones(n) * 1.3
                self.mode = mode

            def forward(self, x):
                self.x = x
                self.mu = x.mean(axis=0) if self.mode == "batch" else np.zeros(x.shape[1])
                return (x - self.mu) * self.g

            def backward(self, dout):
                self.dg = np.sum(dout * (self.x - self.mu), axis=0)
                d = dout * self.g
                if self.mode == "batch":
                    return d - d.mean(axis=0)
                elif self.mode == "none":
                    return 1.0 * d
                raise ValueError(self.mode)
        ''',
        "return 1.0 * d",
        "return 2.0 * d",
        "factor",
        "mode = 'none'",
    ),
    (
        "Activation",
        """
        import numpy as np

        TABLE = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "square": np.square}

        class Activation:
            def __init__(self, kind="relu"):
                self.kind = kind

            def forward(self, x):
                self.x = x
                return TABLE[self.kind](x)

            def backward(self, dout):
                if self.kind == "relu": return dout * (self.x > 0)
                if self.kind == "tanh": return dout * (1 - np.tanh(self.x) ** 2)
                return dout * 2 * self.x
        """,
        "return dout * 2 * self.x",
        "return dout * self.x",
        "factor",
        "kind = 'square'",
    ),
    (
        "Switch",
        """
        import numpy as np

        class Switch:
            def __init__(self):
                self.training = True

            def forward(self, x):
                self.x = x
                return np.tanh(x) if self.training else x * 3.0

            def backward(self, dout):
                return dout * (1 - np.tanh(self.x) ** 2) if self.training else dout * 3.0
        """,
        "else dout * 3.0",
        "else dout * 2.0",
        "factor",
        "self.training = False",
    ),
    (
        "affine_backward",
        """
        import numpy as np

        def affine_forward(x, w, b=None):
            out = x @ w
            if b is not None:
                out = out + b
            return out, (x, w, b)

        def affine_backward(dout, cache):
            x, w, b = cache
            dx = dout @ w.T
            dw = x.T @ dout
            db = None
            if b is not None:
                db = dout.sum(axis=0)
            return dx, dw, db
        """,
        "db = dout.sum(axis=0)",
        "db = dout.mean(axis=0)",
        "batch-sum",
        "b of shape (5)",
    ),
    (
        "ridge",
        """
        import numpy as np

        def ridge(W, X, y, reg=0.0):
            r = X @ W - y
            loss = 0.5 * np.sum(r ** 2) / len(y)
            dW = X.T @ r / len(y)
            if reg > 0:
                loss += reg * np.sum(W * W)
                dW += 2 * reg * W
            return loss, dW
        """,
        "dW += 2 * reg * W",
        "dW += reg * W",
        "factor",
        "reg = 1",
    ),
    (
        "Dropout",
        """
        import numpy as np

        class Dropout:
            def __init__(self, ratio=0.3):
                self.ratio = ratio
                self.mask = None

            def forward(self, x, train_flg=True):
                if train_flg:
                    self.mask = np.random.rand(*x.shape) > self.ratio
                    return x * self.mask
                return x * (1 - self.ratio)

            def backward(self, dout):
                if self.mask is None:
                    return dout * (1 - self.ratio)
                return dout * self.mask
        """,
        "return dout * (1 - self.ratio)",
        "return -dout * (1 - self.ratio)",
        "sign",
        "train_flg = False",
    ),
    (
        "dropout_backward",
        """
        import numpy as np

        def dropout_forward(x, dropout_param):
            p, mode = dropout_param["p"], dropout_param["mode"]
            mask = None
            if mode == "train":
                mask = (np.random.rand(*x.shape) < p) / p
                out = x * mask
            else:
                out = 1.0 * x
            return out, (dropout_param, mask)

        def dropout_backward(dout, cache):
            dropout_param, mask = cache
            mode = dropout_param["mode"]
            if mode == "train":
                dx = dout * mask
            elif mode == "test":
                dx = 1.0 * dout
            return dx
        """,
        "dx = 1.0 * dout",
        "dx = -1.0 * dout",
        "sign",
        "dropout_param['mode'] = 'test'",
    ),
]

#: the branch is in what backward calls
HELPER = """
import numpy as np

def _slope(x, leak):
    if leak > 0.5:
        return np.where(x > 0, 1.0, leak)
    return np.where(x > 0, 1, leak)

def leaky_forward(x, leak=0.1):
    return np.where(x > 0, x, leak * x), (x, leak)

def leaky_backward(dout, cache):
    x, leak = cache
    return dout * _slope(x, leak)
"""
#: what no literal of the code leads to
CUBE = """
import numpy as np

class Cube:
    def forward(self, x):
        self.x = x
        return x ** 3

    def backward(self, dout):
        dx = 3 * self.x**2 * dout
        if np.abs(dx).max() > 1e6:
            dx = np.clip(dx, -1e6, 1e6)
            dx = dx + 1
        return dx
"""
#: what is not in the derivative of forward
PENALTY = """
class Dense:
    def __init__(self, W, b, weight_l2=0.0):
        self.W, self.b, self.weight_l2 = W, b, weight_l2

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        if self.weight_l2 > 0:
            self.dW += 2 * self.weight_l2 * self.W
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
#: nothing of which gives a gradient
SILENT = '''
import numpy as np

class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        """Multiply by the slope."""
        if dout is None:
            return None
        if dout.shape != self.y.shape:
            text = "not the shape of the output"
            raise ValueError(text)
        elif dout.dtype == object:
            print("objects")
        assert dout.ndim < 9
        for _ in range(0):
            pass
        if False:
            dout = dout * 2
        return dout * (1 - self.y**2)
        dout = dout * 3
'''
