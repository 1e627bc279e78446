"""Layers with ``forward`` and ``backward``, losses, initial weights, and networks of them."""

from __future__ import annotations

from typing import Any

from clearprop.idioms_of_training import missing
from clearprop.nn import initial as initial
from clearprop.nn.activations import GELU as GELU
from clearprop.nn.activations import LeakyReLU as LeakyReLU
from clearprop.nn.activations import LogSoftmax as LogSoftmax
from clearprop.nn.activations import ReLU as ReLU
from clearprop.nn.activations import Sigmoid as Sigmoid
from clearprop.nn.activations import SiLU as SiLU
from clearprop.nn.activations import Softmax as Softmax
from clearprop.nn.activations import Softplus as Softplus
from clearprop.nn.activations import Tanh as Tanh
from clearprop.nn.affine import Affine as Affine
from clearprop.nn.affine import Flatten as Flatten
from clearprop.nn.attention import MultiHeadAttention as MultiHeadAttention
from clearprop.nn.augmentation import Noise as Noise
from clearprop.nn.augmentation import RandomCrop as RandomCrop
from clearprop.nn.augmentation import RandomFlip as RandomFlip
from clearprop.nn.augmentation import RandomShift as RandomShift
from clearprop.nn.batch_norm import BatchNorm as BatchNorm
from clearprop.nn.convolution import Conv1d as Conv1d
from clearprop.nn.convolution import Conv2d as Conv2d
from clearprop.nn.convolutional_nets import DeepConvNet as DeepConvNet
from clearprop.nn.convolutional_nets import SimpleConvNet as SimpleConvNet
from clearprop.nn.dropout import Dropout as Dropout
from clearprop.nn.elementary import Add as Add
from clearprop.nn.elementary import Exp as Exp
from clearprop.nn.elementary import Mul as Mul
from clearprop.nn.elementary import Reciprocal as Reciprocal
from clearprop.nn.embedding import Embedding as Embedding
from clearprop.nn.layer import Layer as Layer
from clearprop.nn.layer_norm import LayerNorm as LayerNorm
from clearprop.nn.losses import BinaryCrossEntropy as BinaryCrossEntropy
from clearprop.nn.losses import CrossEntropy as CrossEntropy
from clearprop.nn.losses import Loss as Loss
from clearprop.nn.losses import SigmoidWithLoss as SigmoidWithLoss
from clearprop.nn.losses import SoftmaxWithLoss as SoftmaxWithLoss
from clearprop.nn.pooling import AvgPool2d as AvgPool2d
from clearprop.nn.pooling import GlobalAvgPool as GlobalAvgPool
from clearprop.nn.pooling import MaxPool2d as MaxPool2d
from clearprop.nn.probability_losses import KL as KL
from clearprop.nn.probability_losses import NLL as NLL
from clearprop.nn.recurrent import LSTM as LSTM
from clearprop.nn.regression_losses import MAE as MAE
from clearprop.nn.regression_losses import MSE as MSE
from clearprop.nn.regression_losses import Huber as Huber
from clearprop.nn.rescaling import Rescaling as Rescaling
from clearprop.nn.residual import Residual as Residual
from clearprop.nn.sequential import Sequential as Sequential
from clearprop.nn.spec import layers_of as layers_of
from clearprop.nn.two_layer_net import TwoLayerNet as TwoLayerNet

#: What layers are called in the documents, the courses and other frameworks.
_ELSEWHERE = {
    **dict.fromkeys(("Relu", "ActivationReLU"), "ReLU"),
    **dict.fromkeys(("Dense", "Linear", "affine", "Layer_Dense"), "Affine"),
    **dict.fromkeys(("MulLayer", "mulLayer"), "Mul"),
    **dict.fromkeys(("AddLayer", "addLayer"), "Add"),
    **dict.fromkeys(("SoftMax", "ActivationSoftMax"), "Softmax"),
    **dict.fromkeys(("LogSoftMax", "log_softmax"), "LogSoftmax"),
    **dict.fromkeys(("BatchNormalization", "BatchNorm1d", "BatchNorm2d"), "BatchNorm"),
    "LayerNormalization": "LayerNorm",
    **dict.fromkeys(("Convolution", "Conv2D"), "Conv2d"),
    **dict.fromkeys(("Conv1D", "Convolution1D"), "Conv1d"),
    **dict.fromkeys(("Pooling", "MaxPool", "MaxPooling2D"), "MaxPool2d"),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalAveragePooling2D"), "GlobalAvgPool"),
    **dict.fromkeys(("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "GlobalAvgPool2d"), "GlobalAvgPool"),
    **dict.fromkeys(("Gelu", "gelu"), "GELU"),
    **dict.fromkeys(("SiLu", "Silu", "silu", "Swish", "swish"), "SiLU"),
    **dict.fromkeys(("LeakyRelu", "leaky_relu"), "LeakyReLU"),
    **dict.fromkeys(("SoftPlus", "softplus"), "Softplus"),
    **dict.fromkeys(("Embed", "TimeEmbedding"), "Embedding"),
    **dict.fromkeys(("TimeLSTM", "Lstm"), "LSTM"),
    **dict.fromkeys(("MultiheadAttention", "MHA", "SelfAttention"), "MultiHeadAttention"),
    **dict.fromkeys(("ResidualBlock", "SkipConnection", "Skip"), "Residual"),
    **dict.fromkeys(("ActivationLoss", "CrossEntropyLoss"), "SoftmaxWithLoss"),
    "GaussianNoise": "Noise",
    "RandomHorizontalFlip": "RandomFlip",
    "RandomTranslation": "RandomShift",
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
    raise missing("nn", name, _ELSEWHERE.get(name))
