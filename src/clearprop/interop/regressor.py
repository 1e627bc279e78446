"""The estimator of scikit-learn that predicts numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.interop.estimators import NetworkEstimator
from clearprop.nn.regression_losses import MAE, MSE, Huber
from clearprop.nn.rescaling import Rescaling
from clearprop.nn.sequential import Sequential

from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

_LOSSES = {"squared_error": MSE, "absolute_error": MAE, "huber": Huber}


class ClearpropRegressor(MultiOutputMixin, RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    r"""A network that predicts numbers, as an estimator of scikit-learn.

    The layers of ``layers``, and one more to as many outputs as ``y`` has columns. It learns each
    column of ``y`` as ``(y - mean) / standard deviation``, those of the first call of ``fit`` or
    ``partial_fit``, and predicts in the unit of ``y``. ``X`` is taken as it is, as by
    ``MLPRegressor``: put ``StandardScaler`` before it.

    Parameters
    ----------
    layers, input_shape, optimizer, learning_rate_init, weight_decay, batch_size, max_iter, \
    early_stopping, validation_fraction, n_iter_no_change, random_state, dtype, warm_start, \
    verbose, interpret
        As of `ClearpropClassifier`.
    loss : {"squared_error", "absolute_error", "huber"}, default "squared_error"
        `nn.MSE`, `nn.MAE` or `nn.Huber`: the mean over samples and outputs, in standard deviations
        of ``y``, or their square.
    tol : float, default 1e-4
        In units of that loss.

    Attributes
    ----------
    network_ : Sequential
        The network; its last layer, `nn.Rescaling`, gives predictions the unit of ``y``.
    n_features_in_, feature_names_in_, n_iter_
        As of `ClearpropClassifier`.
    loss_curve_, validation_loss_curve_ : list of float
        As of `ClearpropClassifier`, but in standard deviations of ``y``, or their square: always
        to predict the mean is a squared error of 1.

    Raises
    ------
    OptionError, NonFiniteError, ValueError, TypeError
        As `ClearpropClassifier`.

    Warns
    -----
    ConvergenceWarning
        As `ClearpropClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.interop.sklearn import ClearpropRegressor
    >>> X = np.linspace(-1, 1, 200)[:, np.newaxis]
    >>> y = np.abs(X[:, 0])
    >>> model = ClearpropRegressor(learning_rate_init=0.01, batch_size=20, random_state=0)
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(
        self,
        layers: str = "affine 100, relu",
        *,
        input_shape: Any = None,
        loss: str = "squared_error",
        optimizer: Any = "adam",
        learning_rate_init: Any = None,
        weight_decay: Any = None,
        batch_size: Any = "auto",
        max_iter: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        random_state: Any = None,
        dtype: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        interpret: bool | None = None,
    ) -> None:
        self._keep(locals())

    def fit(self, X: Any, y: Any) -> ClearpropRegressor:
        """Train.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Samples.
        y : array_like, shape (N,) or (N, J)
            What is to be predicted.

        Returns
        -------
        ClearpropRegressor
            Itself.
        """
        anew = not (self.warm_start and hasattr(self, "network_"))
        return self._fit(X, y, anew=anew, reset=True, once=False)

    def partial_fit(self, X: Any, y: Any) -> ClearpropRegressor:
        """Train for one epoch of these samples, and go on from where the last call ended.

        Parameters and result are as in `fit`.
        """
        anew = not hasattr(self, "network_")
        return self._fit(X, y, anew=anew, reset=anew, once=True)

    def predict(self, X: Any) -> Any:
        """Predict, in the shape of the ``y`` of ``fit``: (N,) or (N, J)."""
        y = self._scores(X)
        return y[:, 0] if y.shape[1] == 1 else y

    def _fit(self, X: Any, y: Any, *, anew: bool, reset: bool, once: bool) -> ClearpropRegressor:
        if self.loss not in tuple(_LOSSES):
            names = ", ".join(map(repr, _LOSSES))
            raise self._refused(
                "loss", self.loss, f"the losses are {names}.", 'loss="squared_error"'
            )
        dtype = self._dtype(anew=anew)
        X, y = validate_data(
            self, X, y, reset=reset, dtype=dtype, multi_output=True, y_numeric=True
        )
        y = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        outputs = 1 if y.ndim == 1 else y.shape[1]
        if anew:
            mean, std = y.mean(axis=0), y.std(axis=0)
            self._unit = mean, np.where((std > 0) & np.isfinite(std), std, 1.0)
        mean, std = self._unit
        t = (y - mean) / std if mean.shape == y.shape[1:] else y  # which is an error below
        self._learn(X, t, outputs, _LOSSES[self.loss](), anew=anew, once=once)
        return self

    def _whole(self, trained: Sequential) -> Sequential:
        mean, std = self._unit
        return Sequential(*trained.layers.values(), Rescaling(std, mean))

    def _constant(self, t: Any, outputs: int) -> Any:
        rows = t.reshape(len(t), outputs)
        return np.median(rows, axis=0) if self.loss == "absolute_error" else rows.mean(axis=0)
