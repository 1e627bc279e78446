"""An example of every layer."""

from typing import Any, NamedTuple

import numpy as np

from clearprop import nn


class Example(NamedTuple):
    layer: nn.Layer
    inputs: tuple[Any, ...]
    labels: tuple[Any, ...] = ()

    def forward(self, *inputs):
        return self.layer.forward(*(inputs or self.inputs), *self.labels)


class Inference(nn.BatchNorm):
    """Batch normalisation that always uses the running mean and variance."""

    def forward(self, x):
        return super().forward(x, train=False)


class SameNumbers:
    """A layer that draws the same numbers in every call."""

    def advance(self, buffers, seen):
        return buffers


class Shift(SameNumbers, nn.RandomShift):
    pass


class Crop(SameNumbers, nn.RandomCrop):
    pass


class Flip(SameNumbers, nn.RandomFlip):
    pass


class Noisy(SameNumbers, nn.Noise):
    pass


def examples(dtype):
    """Give a layer with its inputs and labels for each name."""
    rng = np.random.default_rng(7)

    def a(*shape):  # away from 0, where ReLU has its kink
        return (rng.uniform(0.2, 2, shape) * rng.choice([-1, 1], shape)).astype(dtype)

    def apart(*shape):  # no two so close that a difference quotient exchanges them
        size = int(np.prod(shape))
        return (rng.permutation(size).reshape(shape) * 4 / size - 2).astype(dtype)

    def p(*shape):
        return rng.uniform(0.1, 0.9, shape).astype(dtype)

    def attention(**options):
        return nn.MultiHeadAttention(
            *(a(4, 4) / 4 for _ in range(4)), *(a(4) for _ in range(4)), **options
        )

    classes, pairs = np.array([2, 0, 1]), np.array([[1, 0], [0, 1], [1, 1]])
    inference = Inference(a(4), a(4), running_mean=a(4), running_var=p(4))
    return {
        "Mul": Example(nn.Mul(), (a(3, 4), a(3, 4))),
        "Mul, broadcast": Example(nn.Mul(), (a(3, 4), a(4))),
        "Add": Example(nn.Add(), (a(3, 1), a(3, 4))),
        "Exp": Example(nn.Exp(), (a(3, 4),)),
        "Reciprocal": Example(nn.Reciprocal(), (a(3, 4),)),
        "ReLU": Example(nn.ReLU(), (a(3, 4),)),
        "Sigmoid": Example(nn.Sigmoid(), (a(3, 4),)),
        "Tanh": Example(nn.Tanh(), (a(3, 4),)),
        "GELU": Example(nn.GELU(), (a(3, 4),)),
        "GELU, tanh": Example(nn.GELU("tanh"), (a(3, 4),)),
        "SiLU": Example(nn.SiLU(), (a(3, 4),)),
        "LeakyReLU": Example(nn.LeakyReLU(0.2), (a(3, 4),)),
        "Softplus": Example(nn.Softplus(), (a(3, 4),)),
        "Softmax": Example(nn.Softmax(), (a(3, 4),)),
        "LogSoftmax": Example(nn.LogSoftmax(), (a(3, 4),)),
        "LogSoftmax, sequences": Example(nn.LogSoftmax(), (a(3, 2, 4),)),
        "Softmax, single": Example(nn.Softmax(), (a(4),)),
        "Rescaling": Example(nn.Rescaling(3.0, -20.0), (a(3, 4),)),
        "Rescaling, each": Example(nn.Rescaling([3.0, 0.5], [1.0, 2.0]), (a(3, 2),)),
        "Affine": Example(nn.Affine(a(4, 5), a(5)), (a(3, 4),)),
        "Affine, b (1, n)": Example(nn.Affine(a(4, 5), a(1, 5)), (a(3, 4),)),
        "Affine, single": Example(nn.Affine(a(4, 5), a(5)), (a(4),)),
        "Affine, single, b (1, n)": Example(nn.Affine(a(4, 5), a(1, 5)), (a(4),)),
        "Affine, images": Example(nn.Affine(a(12, 5), a(5)), (a(3, 2, 3, 2),)),
        "Affine, last axis": Example(nn.Affine(a(4, 5), a(5), last_axis=True), (a(3, 2, 4),)),
        "Flatten": Example(nn.Flatten(), (a(3, 2, 3, 2),)),
        "CrossEntropy": Example(nn.CrossEntropy(), (p(3, 4),), (classes,)),
        "CrossEntropy, one-hot": Example(nn.CrossEntropy(), (p(3, 4),), (np.eye(4)[classes],)),
        "CrossEntropy, single": Example(nn.CrossEntropy(), (p(4),), (3,)),
        "SoftmaxWithLoss": Example(nn.SoftmaxWithLoss(), (a(3, 4),), (classes,)),
        "SoftmaxWithLoss, one-hot": Example(
            nn.SoftmaxWithLoss(), (a(3, 4),), (np.eye(4, dtype=int)[classes],)
        ),
        "SoftmaxWithLoss, single": Example(nn.SoftmaxWithLoss(), (a(4),), ([0, 0, 1, 0],)),
        "BinaryCrossEntropy": Example(nn.BinaryCrossEntropy(), (p(3, 2),), (pairs,)),
        "BinaryCrossEntropy, (N,)": Example(nn.BinaryCrossEntropy(), (p(3),), ([1, 0, 1],)),
        "SigmoidWithLoss": Example(nn.SigmoidWithLoss(), (a(3, 2),), (pairs,)),
        "SigmoidWithLoss, (N, 1)": Example(nn.SigmoidWithLoss(), (a(3, 1),), ([1, 0, 1],)),
        "Dropout, ratio 0": Example(nn.Dropout(0.0), (a(3, 4),)),
        "RandomShift": Example(Shift((2, 1), seed=3), (a(3, 2, 4, 5),)),
        "RandomCrop": Example(Crop((3, 2)), (a(3, 2, 5, 4),)),
        "RandomCrop, padding": Example(Crop(4, (1, 0), seed=2), (a(3, 2, 4, 5),)),
        "RandomFlip": Example(Flip(seed=1), (a(3, 2, 2, 3),)),
        "Noise": Example(Noisy(0.3), (a(3, 4),)),
        "BatchNorm": Example(nn.BatchNorm(a(4), a(4)), (a(5, 4),)),
        "BatchNorm, (1, D)": Example(nn.BatchNorm(a(1, 4), a(1, 4)), (a(5, 4),)),
        "BatchNorm, inference": Example(inference, (a(5, 4),)),
        "BatchNorm, inference, single": Example(inference, (a(4),)),
        "BatchNorm, images": Example(nn.BatchNorm(a(2), a(2)), (a(3, 2, 2, 3),)),
        "BatchNorm, per activation": Example(
            nn.BatchNorm(a(12), a(12), per_activation=True), (a(4, 2, 2, 3),)
        ),
        "Conv2d": Example(nn.Conv2d(a(4, 2, 3, 2), a(4)), (a(2, 2, 5, 4),)),
        "Conv2d, all options": Example(
            nn.Conv2d(a(4, 1, 2, 3), a(1, 4), stride=(2, 1), padding=(1, 2), dilation=2, groups=2),
            (a(2, 2, 5, 4),),
        ),
        "LayerNorm": Example(nn.LayerNorm(a(4), a(4)), (a(3, 2, 4),)),
        "LayerNorm, single": Example(nn.LayerNorm(a(4), a(4)), (a(4),)),
        "LayerNorm, two axes": Example(nn.LayerNorm(a(3, 2), a(3, 2)), (a(4, 3, 2),)),
        "Conv1d": Example(nn.Conv1d(a(4, 2, 3), a(4)), (a(3, 2, 7),)),
        "Conv1d, all options": Example(
            nn.Conv1d(a(4, 1, 3), a(1, 4), stride=2, padding=1, dilation=2, groups=2),
            (a(3, 2, 7),),
        ),
        "GlobalAvgPool": Example(nn.GlobalAvgPool(), (a(2, 3, 4, 2),)),
        "GlobalAvgPool, sequences": Example(nn.GlobalAvgPool(), (a(2, 3, 5),)),
        "Embedding": Example(nn.Embedding(a(5, 3)), (np.array([4, 0, 4]),)),
        "Embedding, sequences": Example(nn.Embedding(a(5, 3)), (np.array([[4, 0], [4, 4]]),)),
        "LSTM": Example(nn.LSTM(a(3, 8), a(2, 8), a(8)), (a(3, 4, 3),)),
        "LSTM, last": Example(nn.LSTM(a(3, 8), a(2, 8), a(8), last=True), (a(3, 4, 3),)),
        "MultiHeadAttention": Example(attention(heads=2), (a(3, 5, 4),)),
        "MultiHeadAttention, causal": Example(attention(heads=4, causal=True), (a(3, 5, 4),)),
        "Residual": Example(
            nn.Residual(
                nn.Affine(a(4, 5), a(5)),
                nn.Tanh(),
                nn.BatchNorm(a(5), a(5)),
                nn.Dropout(0.0),
                nn.Residual(nn.Affine(a(5, 5), a(5)), nn.Tanh()),
                nn.Affine(a(5, 4), a(4)),
            ),
            # of three samples alone a unit may differ by less than float32 can standardise
            (np.concatenate([a(3, 4), np.sin(np.arange(16)).reshape(4, 4).astype(dtype)]),),
        ),
        "MaxPool2d": Example(nn.MaxPool2d(2), (apart(2, 2, 4, 6),)),
        "MaxPool2d, overlapping": Example(nn.MaxPool2d((3, 2), 1, 1), (apart(2, 2, 4, 5),)),
        "AvgPool2d": Example(nn.AvgPool2d(2), (a(2, 2, 4, 6),)),
        "AvgPool2d, overlapping": Example(nn.AvgPool2d((3, 2), 1, 1), (a(2, 2, 4, 5),)),
        "Sequential": Example(
            nn.Sequential(nn.Affine(a(4, 5), a(5)), nn.BatchNorm(a(5), a(5)), nn.Tanh()), (a(3, 4),)
        ),
        "Sequential, of words": Example(
            nn.Sequential(
                nn.Embedding(a(6, 4)),
                nn.Residual(nn.LayerNorm(a(4), a(4)), attention(heads=2)),
                nn.LSTM(a(4, 8), a(2, 8), a(8), last=True),
            ),
            (np.array([[0, 5, 1], [5, 5, 2]]),),
        ),
        "SoftmaxWithLoss, smoothed": Example(
            nn.SoftmaxWithLoss(label_smoothing=0.2), (a(3, 4),), (classes,)
        ),
        "SoftmaxWithLoss, weighted": Example(
            nn.SoftmaxWithLoss(label_smoothing=0.2, class_weights=[1, 2, 0.5, 0]),
            (a(3, 4),),
            (classes,),
        ),
        "NLL": Example(nn.NLL(), (np.log(p(3, 4)),), (classes,)),
        "NLL, weighted": Example(
            nn.NLL(class_weights=[1, 2, 0.5, 0]), (np.log(p(3, 4)),), (classes,)
        ),
        "NLL, single": Example(nn.NLL(), (np.log(p(4)),), (3,)),
        "KL": Example(nn.KL(), (np.log(p(2, 3)),), ([[0.2, 0.3, 0.5], [0, 1, 0]],)),
        "MSE": Example(nn.MSE(), (a(3, 2),), (pairs,)),
        "MSE, (N, 1)": Example(nn.MSE(), (a(3, 1),), ([0.5, -1.5, 2.5],)),
        "MSE, images": Example(nn.MSE(), (a(2, 1, 2, 3),), (np.zeros((2, 1, 2, 3)),)),
        "MAE": Example(nn.MAE(), (a(3, 2),), (np.full((3, 2), 2.5),)),
        "Huber": Example(
            nn.Huber(0.7), (np.array([[0.5], [2.0], [-3.0]], dtype),), ([0.1, 0.1, -0.1],)
        ),
    }
