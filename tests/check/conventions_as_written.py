"""Each convention once, and what cannot be judged: short files, as people write them."""

CONVENTIONS = {
    "padded-only": """
        import numpy as np
        class Blur:
            def __init__(self, padding=1):
                self.padding = padding
            def forward(self, x):
                p = self.padding
                self.x = np.pad(x, ((0, 0), (p, p)))
                return self.x[:, :-2] + self.x[:, 1:-1] + 2 * self.x[:, 2:]
            def backward(self, dout):
                p = self.padding
                dx = np.zeros_like(self.x)
                dx[:, :-2] += dout
                dx[:, 1:-1] += dout
                dx[:, 2:] += 2 * dout
                return dx[:, p:-p]
        """,
    "penalty-apart": """
        import numpy as np
        class Dense:
            def __init__(self, n_in, n_out, l2=0.01):
                self.W = np.random.randn(n_in, n_out)
                self.b = np.zeros(n_out)
                self.l2 = l2
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, dout):
                self.dW = self.x.T @ dout + 2 * self.l2 * self.W
                self.db = dout.sum(axis=0)
                return dout @ self.W.T
        """,
    "averages-parameters": """
        import numpy as np
        def linear_forward(A, W, b):
            return np.dot(W, A) + b, (A, W, b)
        def linear_backward(dZ, cache):
            A_prev, W, b = cache
            m = A_prev.shape[1]
            dW = 1 / m * np.dot(dZ, A_prev.T)
            db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
            dA_prev = np.dot(W.T, dZ)
            return dA_prev, dW, db
        """,
    "one-sample": """
        import numpy as np
        class Dense:
            def __init__(self, input_size, output_size):
                self.weights = np.random.randn(output_size, input_size)
                self.bias = np.random.randn(output_size, 1)
            def forward(self, input):
                self.input = input
                return np.dot(self.weights, self.input) + self.bias
            def backward(self, output_gradient, learning_rate):
                weights_gradient = np.dot(output_gradient, self.input.T)
                input_gradient = np.dot(self.weights.T, output_gradient)
                self.weights -= learning_rate * weights_gradient
                self.bias -= learning_rate * output_gradient
                return input_gradient
        """,
    "accumulates": """
        import numpy as np
        class Scale:
            def __init__(self, w):
                self.w = w
                self.dw = np.zeros_like(w)
            def zero_grad(self):
                self.dw[...] = 0
            def forward(self, x):
                self.x = x
                return x * self.w
            def backward(self, dout):
                self.dw += np.sum(dout * self.x, axis=0)
                return dout * self.w
        """,
    "implied-loss": """
        import numpy as np
        def sigmoid(z):
            return 1 / (1 + np.exp(-z))
        x = np.array([[0.0, 1.0, 0.5], [1.0, -1.0, 2.0], [0.5, 0.2, -1.0], [1.0, 1.5, 0.1]])
        y = np.array([[0.0], [1.0], [1.0], [0.0]])
        np.random.seed(1)
        W1 = np.random.randn(3, 5)
        W2 = np.random.randn(5, 1)
        for step in range(10):
            h = sigmoid(x.dot(W1))
            out = sigmoid(h.dot(W2))
            out_delta = (y - out) * out * (1 - out)
            h_delta = out_delta.dot(W2.T) * h * (1 - h)
            W2 += h.T.dot(out_delta)
            W1 += x.T.dot(h_delta)
        """,
    "kink": """
        import numpy as np
        class Relu:
            def forward(self, x):
                self.x = x
                return np.maximum(x, 0)
            def backward(self, dout):
                return dout * (self.x >= 0)
        """,
    "mean-of-losses": """
        import numpy as np
        class SquaredError:
            def forward(self, y, t):
                self.y, self.t = y, t
                return np.sum((y - t) ** 2, axis=1)
            def backward(self):
                return 2 * (self.y - self.t) / len(self.y)
        """,
    "starts-the-chain": """
        import numpy as np
        class SquaredError:
            def forward(self, y, t):
                self.y, self.t = y, t
                return np.sum((y - t) ** 2) / len(y)
            def backward(self, dout=1):
                return 2 * (self.y - self.t) / len(self.y)
        """,
    "small-epsilon": """
        import numpy as np
        class CrossEntropy:
            def forward(self, y, t):
                self.y, self.t = y, t
                return -np.sum(t * np.log(y + 1e-7))
            def backward(self, dout=1):
                return -dout * self.t / self.y
        """,
    "kept-dimension": """
        import numpy as np
        class Affine:
            def __init__(self, n_in, n_out):
                self.W, self.b = np.random.randn(n_in, n_out), np.zeros((1, n_out))
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, dout):
                self.dW = self.x.T @ dout
                self.db = dout.sum(axis=0)
                return dout @ self.W.T
        """,
    "takes-output": """
        import numpy as np
        def sigmoid(x):
            return 1 / (1 + np.exp(-x))
        def sigmoid_derivative(y):
            return y * (1 - y)
        """,
    "of-scores": """
        import numpy as np
        class Softmax:
            def forward(self, inputs):
                e = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
                self.output = e / np.sum(e, axis=1, keepdims=True)
        class SoftmaxAndCrossEntropy:
            def __init__(self):
                self.activation = Softmax()
            def forward(self, inputs, y_true):
                self.activation.forward(inputs)
                self.output = self.activation.output
                return np.mean(-np.log(self.output[range(len(inputs)), y_true]))
            def backward(self, dvalues, y_true):
                n = len(dvalues)
                self.dinputs = dvalues.copy()
                self.dinputs[range(n), y_true] -= 1
                self.dinputs = self.dinputs / n
        """,
    "wider": """
        import numpy as np
        def leaky(x):
            return np.where(x > 0, x, 0.1 * x)
        def leaky_grad(x):
            return np.where(x > 0, 1, 0.1)
        """,
    "labels": """
        import numpy as np
        def softmax(x):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        class SoftmaxWithLoss:
            def forward(self, x, t):
                self.t, self.y = t, softmax(x)
                if t.ndim == 2:
                    return -np.sum(t * np.log(self.y)) / len(x)
                return -np.sum(np.log(self.y[np.arange(len(x)), t])) / len(x)
            def backward(self, dout=1):
                return dout * (self.y - self.t) / len(self.y)
        """,
}

#: What is not judged, and a part of the reason.
NOT_JUDGED = {
    "no reference goes by its name": """
        class Mystery:
            def backward(self, dout):
                return 2 * dout
        """,
    "the first gave NameError": """
        class Broken:
            def forward(self, x):
                self.x = x
                return undefined_function(x)
            def backward(self, dout):
                return dout
        """,
    "forward accepts no inputs that were tried": """
        class Layer:
            def forward(self, x):
                return [str(v) for v in x]
            def backward(self, dout):
                return dout
        """,
    "the first gave FileNotFoundError": """
        class Reads:
            def forward(self, x):
                return x * float(open("no such file").read())
            def backward(self, dout):
                return dout
        """,
}
