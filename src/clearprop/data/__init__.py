"""Data sets and their labels: MNIST, the IDX format it is stored in, integer and one-hot labels."""

from __future__ import annotations

from clearprop.data.idx import load_idx as load_idx
from clearprop.data.labels import as_class_indices as as_class_indices
from clearprop.data.labels import as_one_hot as as_one_hot
from clearprop.data.labels import one_hot as one_hot
from clearprop.data.mnist import MNIST as MNIST
from clearprop.data.mnist import Split as Split
from clearprop.data.mnist import mnist as mnist
from clearprop.data.mnist import scaled as scaled
