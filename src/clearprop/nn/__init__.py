"""Layers with ``forward`` and ``backward``, losses, initial weights, and networks of them."""

from __future__ import annotations

from typing import Any

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
from clearprop.nn.probability_losses import KL as KL
from clearprop.nn.probability_losses import NLL as NLL
from clearprop.nn.regression_losses import MAE as MAE
from clearprop.nn.regression_losses import MSE as MSE
from clearprop.nn.regression_losses import Huber as Huber
from clearprop.nn.sequential import Sequential as Sequential
from clearprop.nn.two_layer_net import TwoLayerNet as TwoLayerNet

#: What layers are called in the documents, the courses and other frameworks.
_ELSEWHERE = {
    **dict.fromkeys(("Relu", "ActivationReLU"), "ReLU"),
    **dict.fromkeys(("Dense", "Linear", "affine", "Layer_Dense"), "Affine"),
    **dict.fromkeys(("MulLayer", "mulLayer"), "Mul"),
    **dict.fromkeys(("AddLayer", "addLayer"), "Add"),
    **dict.fromkeys(("SoftMax", "ActivationSoftMax"), "Softmax"),
    **dict.fromkeys(("BatchNormalization", "BatchNorm1d", "BatchNorm2d"), "BatchNorm"),
    **dict.fromkeys(("Convolution", "Conv2D"), "Conv2d"),
    **dict.fromkeys(("Pooling", "MaxPool", "MaxPooling2D"), "MaxPool2d"),
    **dict.fromkeys(("ActivationLoss", "CrossEntropyLoss"), "SoftmaxWithLoss"),
    **dict.fromkeys(("LossCrossEntropy", "CategoricalCrossentropy"), "CrossEntropy"),
    **dict.fromkeys(("BCELoss", "BinaryCrossentropy"), "BinaryCrossEntropy"),
    "BCEWithLogitsLoss": "SigmoidWithLoss",
    **dict.fromkeys(("MSELoss", "MeanSquaredError", "SumSquaredError"), "MSE"),
    **dict.fromkeys(("L1Loss", "MeanAbsoluteError"), "MAE"),
    **dict.fromkeys(("HuberLoss", "SmoothL1Loss"), "Huber"),
    "NLLLoss": "NLL",
    **dict.fromkeys(("KLDivLoss", "KLDivergence"), "KL"),
    "expLayer": "Exp",
    "oneDivLayer": "Reciprocal",
    "sigmoid": "Sigmoid",
}


def __getattr__(name: str) -> Any:
    here = _ELSEWHERE.get(name)
    hint = f" Here it is nn.{here}." if here else ""
    raise AttributeError(f"module 'clearprop.nn' has no attribute {name!r}.{hint}")
