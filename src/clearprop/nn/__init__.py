"""Layers with ``forward`` and ``backward``, losses, initial weights, and networks of them."""

from __future__ import annotations

from clearprop.nn import initial as initial
from clearprop.nn.activations import ReLU as ReLU
from clearprop.nn.activations import Sigmoid as Sigmoid
from clearprop.nn.activations import Softmax as Softmax
from clearprop.nn.activations import Tanh as Tanh
from clearprop.nn.affine import Affine as Affine
from clearprop.nn.affine import Flatten as Flatten
from clearprop.nn.batch_norm import BatchNorm as BatchNorm
from clearprop.nn.convolution import Conv2d as Conv2d
from clearprop.nn.dropout import Dropout as Dropout
from clearprop.nn.elementary import Add as Add
from clearprop.nn.elementary import Exp as Exp
from clearprop.nn.elementary import Mul as Mul
from clearprop.nn.elementary import Reciprocal as Reciprocal
from clearprop.nn.layer import Layer as Layer
from clearprop.nn.losses import BinaryCrossEntropy as BinaryCrossEntropy
from clearprop.nn.losses import CrossEntropy as CrossEntropy
from clearprop.nn.losses import Loss as Loss
from clearprop.nn.losses import SigmoidWithLoss as SigmoidWithLoss
from clearprop.nn.losses import SoftmaxWithLoss as SoftmaxWithLoss
from clearprop.nn.pooling import AvgPool2d as AvgPool2d
from clearprop.nn.pooling import MaxPool2d as MaxPool2d
from clearprop.nn.sequential import Sequential as Sequential
from clearprop.nn.two_layer_net import TwoLayerNet as TwoLayerNet
