"""Layers built from sizes that leave their results in attributes: output, dinputs, dweights, dbiases."""

import numpy as np


class DenseLayer:
    def __init__(self, n_inputs, n_neurons, weight_l2=0.0, bias_l2=0.0):
        self.weights = 0.1 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.weight_l2 = weight_l2
        self.bias_l2 = bias_l2

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        # gradients on parameters
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        # gradients on regularization
        if self.weight_l2 > 0:
            self.dweights += 2 * self.weight_l2 * self.weights
        if self.bias_l2 > 0:
            self.dbiases += 2 * self.bias_l2 * self.biases
        # gradient on values
        self.dinputs = np.dot(dvalues, self.weights.T)


class ReluActivation:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class SigmoidActivation:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


class SoftmaxActivation:
    def forward(self, inputs):
        self.inputs = inputs
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for index, (single_output, single_dvalues) in enumerate(zip(self.output, dvalues)):
            column = single_output.reshape(-1, 1)
            jacobian = np.diagflat(column) - np.dot(column, column.T)
            self.dinputs[index] = np.dot(jacobian, single_dvalues)


class DropoutLayer:
    def __init__(self, rate=0.3):
        self.rate = 1 - rate  # kept

    def forward(self, inputs):
        self.inputs = inputs
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask


class BatchNormLayer:
    def __init__(self, n_features, epsilon=1e-5):
        self.gamma = np.ones((1, n_features))
        self.beta = np.zeros((1, n_features))
        self.epsilon = epsilon

    def forward(self, inputs):
        self.inputs = inputs
        self.mean = np.mean(inputs, axis=0, keepdims=True)
        self.var = np.var(inputs, axis=0, keepdims=True)
        self.normalized = (inputs - self.mean) / np.sqrt(self.var + self.epsilon)
        self.output = self.gamma * self.normalized + self.beta

    def backward(self, dvalues):
        samples = len(dvalues)
        self.dgamma = np.sum(dvalues * self.normalized, axis=0, keepdims=True)
        self.dbeta = np.sum(dvalues, axis=0, keepdims=True)
        dnormalized = dvalues * self.gamma
        centered = self.inputs - self.mean
        root = np.sqrt(self.var + self.epsilon)
        dvar = np.sum(dnormalized * centered * -0.5 * root**-3, axis=0, keepdims=True)
        dmean = np.sum(-dnormalized / root, axis=0, keepdims=True)
        self.dinputs = dnormalized / root + dvar * 2 * centered / samples + dmean / samples
