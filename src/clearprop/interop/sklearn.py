"""Networks as estimators of scikit-learn: in pipelines, grid searches and cross-validation."""

from __future__ import annotations

from clearprop.interop.classifier import ClearpropClassifier
from clearprop.interop.regressor import ClearpropRegressor

__all__ = ["ClearpropClassifier", "ClearpropRegressor"]
