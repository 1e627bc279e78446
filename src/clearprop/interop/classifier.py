"""The estimator of scikit-learn that says which class a sample is of."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.errors import LabelError, OptionError
from clearprop.interop.estimators import NetworkEstimator
from clearprop.nn.losses import SoftmaxWithLoss
from clearprop.places import current_line

from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import validate_data


class ClearpropClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    r"""A network that says which class a sample is of, as an estimator of scikit-learn.

    The layers of ``layers``, one more to a score for each class, and `nn.SoftmaxWithLoss`. Where
    a parameter means what it means to ``MLPClassifier``, it has its name.

    Parameters
    ----------
    layers : str, default "affine 100, relu"
        The hidden layers in a line, as `nn.layers_of` takes them; "" is softmax regression.
    input_shape : tuple of int, optional
        The shape of a sample for the first layer, such as ``(1, 28, 28)`` for convolutions. Rows
        of ``X`` are brought into it.
    optimizer : str or Optimizer, default "adam"
        "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", or a rule of
        `clearprop.optim`.
    learning_rate_init : float or schedule, optional
        The learning rate, if the optimizer is a name; by default that of the rule, and 0.01 for
        "sgd".
    weight_decay : float, optional
        λ, by which ``λθ`` is added to each gradient, if the optimizer is a name; by default that
        of the rule, which is 0 for all but "adamw".
    batch_size : int, default "auto"
        Samples in a batch, at most all there are; "auto" is 200.
    max_iter : int, default 200
        Epochs, at most.
    early_stopping : bool, default False
        Whether to set samples aside, chosen at random, and to end when the loss of those falls no
        more; the network then gets back the weights of its best epoch. Otherwise the loss of
        training ends it.
    validation_fraction : float, default 0.1
        How many of the samples are set aside.
    n_iter_no_change : int, default 10
        So many epochs may pass without a loss that is lower by ``tol``.
    tol : float, default 1e-4
        In nats per sample.
    class_weight : dict, "balanced" or None, default None
        How much each class counts; "balanced" is by the inverse of its frequency.
    random_state : int, RandomState or None, default None
        Of the initial weights, of masks, of the batches and of what is set aside. With an int,
        two fits are equal to the bit.
    dtype : "float32", "float64" or None, default None
        What the network computes in; by default float32 if ``X`` is, otherwise float64.
    warm_start : bool, default False
        Whether ``fit`` goes on with the network that is there.
    verbose : bool, default False
        Whether to print a line for each epoch.
    interpret : bool or None, default None
        Whether to compute in NumPy and not in machine code. By default machine code is made where
        a run of ``max_iter`` epochs is longer than the two seconds that making it takes.

    Attributes
    ----------
    network_ : Sequential
        The network, with its loss: all of clearprop works on it.
    classes_ : ndarray, shape (C,)
        The labels, in the order of the network's scores.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where ``X`` has column names.
    n_iter_ : int
        Epochs since the network was made.
    loss_curve_ : list of float
        The mean loss of the batches of each of these epochs, in nats per sample.
    validation_loss_curve_ : list of float
        The loss of the samples set aside after each epoch; empty without ``early_stopping``.

    Raises
    ------
    OptionError
        From ``fit``: a parameter is out of its limits, or a layer does not fit. It is a
        ValueError.
    NonFiniteError
        From ``fit``: the loss is NaN or infinite.
    ValueError, TypeError
        From scikit-learn's checks: ``X`` is sparse, not of two axes, has NaN, or other columns
        than in ``fit``.

    Warns
    -----
    ConvergenceWarning
        From ``fit``: at the end the loss is above that of one prediction for all samples, as where
        ``X`` is not scaled.

    Notes
    -----
    There is no ``sample_weight``: the losses weight classes, not samples.

    Examples
    --------
    >>> from clearprop.interop.sklearn import ClearpropClassifier
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), ClearpropClassifier(random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    classes_: Any

    def __init__(
        self,
        layers: str = "affine 100, relu",
        *,
        input_shape: Any = None,
        optimizer: Any = "adam",
        learning_rate_init: Any = None,
        weight_decay: Any = None,
        batch_size: Any = "auto",
        max_iter: int = 200,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        random_state: Any = None,
        dtype: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        interpret: bool | None = None,
    ) -> None:
        self._keep(locals())

    def fit(self, X: Any, y: Any) -> ClearpropClassifier:
        """Train.

        Parameters
        ----------
        X : array_like, shape (N, D)
            Samples.
        y : array_like, shape (N,)
            Their labels, of any kind.

        Returns
        -------
        ClearpropClassifier
            Itself.
        """
        anew = not (self.warm_start and hasattr(self, "network_"))
        X, y = validate_data(self, X, y, dtype=self._dtype(anew=anew))
        check_classification_targets(y)
        classes, t = np.unique(y, return_inverse=True)
        if not anew and not np.array_equal(classes, self.classes_):
            raise self._other_classes(classes)
        self.classes_ = classes
        self._learn(X, t, len(classes), self._loss(y), anew=anew, once=False)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> ClearpropClassifier:
        """Train for one epoch of these samples, and go on from where the last call ended.

        Parameters
        ----------
        X, y
            As in `fit`.
        classes : array_like, shape (C,), optional
            All labels that there will be; needed in the first call.

        Returns
        -------
        ClearpropClassifier
            Itself.
        """
        anew = not hasattr(self, "network_")
        if anew and classes is None:
            raise OptionError(
                "ClearpropClassifier.partial_fit: classes is None in the first call.",
                where=current_line(1),
                why="the network has an output for each class, and y may not have all of them.",
                write="partial_fit(X, y, classes=np.unique(all_labels))",
            )
        if isinstance(self.class_weight, str):
            raise self._refused(
                "class_weight",
                self.class_weight,
                "partial_fit never sees all labels, by whose frequencies it would weight.",
                "class_weight={label: weight, …}",
            )
        X, y = validate_data(self, X, y, reset=anew, dtype=self._dtype(anew=anew))
        check_classification_targets(y)
        known = self.classes_ if classes is None else unique_labels(classes)
        if not anew and not np.array_equal(known, self.classes_):
            raise self._other_classes(known)
        unknown = np.setdiff1d(y, known)
        if unknown.size:
            raise LabelError(
                f"ClearpropClassifier.partial_fit: y has the labels {unknown.tolist()}.",
                where=current_line(1),
                why=f"the classes are {known.tolist()}.",
                write="partial_fit(X, y, classes=np.unique(all_labels)), in the first call",
            )
        self.classes_ = known
        t = np.searchsorted(known, y)
        self._learn(X, t, len(known), self._loss(y), anew=anew, once=True)
        return self

    def predict(self, X: Any) -> Any:
        """Give the most probable class of each sample, shape (N,)."""
        best = np.argmax(self._scores(X), axis=1)  # says first if nothing is fitted
        return self.classes_[best]

    def predict_proba(self, X: Any) -> Any:
        """Give the probability of each class, (N, C), in the order of ``classes_``."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> Any:
        """Give the logarithms of the probabilities, (N, C): finite where those are 0."""
        scores = self._scores(X)
        scores = scores - scores.max(axis=1, keepdims=True)
        return scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))

    def _loss(self, y: Any) -> SoftmaxWithLoss:
        if self.class_weight is None:
            return SoftmaxWithLoss()
        weights = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        return SoftmaxWithLoss(class_weights=weights)

    def _constant(self, t: Any, outputs: int) -> Any:
        weights = getattr(self.network_.last_layer, "class_weights", None)
        counts = np.bincount(t, minlength=outputs) * (1.0 if weights is None else weights)
        return np.log(np.maximum(counts / counts.sum(), np.finfo(np.float32).tiny))

    def _other_classes(self, classes: Any) -> OptionError:
        return OptionError(
            f"ClearpropClassifier: the classes are {classes.tolist()}, "
            f"and were {self.classes_.tolist()}.",
            where=current_line(2),
            why="the network that is there has an output for each of those.",
            write="warm_start=False, or a new fit",
        )
