"""Data sets, tables and pictures: MNIST, IDX, CSV; integer and one-hot labels."""

from __future__ import annotations

from typing import Any

from clearprop.data.dataset import DataSet as DataSet
from clearprop.data.idx import load_idx as load_idx
from clearprop.data.labels import as_class_indices as as_class_indices
from clearprop.data.labels import as_one_hot as as_one_hot
from clearprop.data.labels import one_hot as one_hot
from clearprop.data.load import load as load
from clearprop.data.mnist import MNIST as MNIST
from clearprop.data.mnist import Split as Split
from clearprop.data.mnist import mnist as mnist
from clearprop.data.mnist import scaled as scaled
from clearprop.data.new_rows import Rows as Rows
from clearprop.data.new_rows import read_rows as read_rows
from clearprop.data.picture import read_image as read_image
from clearprop.data.preparing import Scaled as Scaled
from clearprop.data.preparing import Standardized as Standardized
from clearprop.data.preparing import preparation as preparation
from clearprop.data.table_folder import csv_to_npy as csv_to_npy
from clearprop.idioms_of_training import missing


def __getattr__(name: str) -> Any:
    raise missing("data", name)
