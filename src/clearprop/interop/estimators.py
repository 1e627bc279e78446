"""What the estimators share: their settings, how they train, and how they go on training."""

from __future__ import annotations

import sys
from math import prod
from numbers import Integral, Real
from typing import Any

import numpy as np

from clearprop import optim, train
from clearprop.errors import NonFiniteError, OptionError
from clearprop.extras import require
from clearprop.nn.losses import Loss
from clearprop.nn.sequential import Sequential
from clearprop.nn.spec import layers_of
from clearprop.places import current_line


require("sklearn", "sklearn", "is what its estimators inherit from", "clearprop.interop.sklearn")

from clearprop.interop.converging import warn_if_worse_than_constant

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

_RULES: dict[str, Any] = {
    "sgd": optim.SGD,
    "momentum": optim.Momentum,
    "nesterov": optim.Nesterov,
    "adagrad": optim.AdaGrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}
_SGD_RATE = 0.01  # as that of Momentum; optim.SGD itself has no default
_ROWS = 10_000  # predicted at once: memory does not grow with the data

# Machine code takes about two seconds to be made. A run of less is sooner over in NumPy.
_FEW_UPDATES = 5_000
_FEW_OPERATIONS = 2e10  # forward and backward


class Settled:
    """End a run when the loss of its epochs falls no more; a watcher for `train.fit`.

    Parameters
    ----------
    tol : float
        What counts as less is less by more than this.
    patience : int
        So many epochs may pass without a lower loss.
    """

    def __init__(self, tol: float, patience: int) -> None:
        self.tol, self.patience = tol, patience

    def __call__(self, metrics: train.Metrics) -> bool:
        """Say whether it has waited long enough."""
        least, waited = np.inf, 0
        for row in metrics.rows[1:]:
            waited = 0 if row.loss < least - self.tol else waited + 1
            least = min(least, row.loss)
        return waited >= self.patience

    def next_look(self, done: int) -> int:
        """No update but the last of an epoch matters."""
        return sys.maxsize


class NetworkEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network that is trained by `train.fit`, with the manners of scikit-learn.

    A subclass has the parameters in its ``__init__``, and says what the targets are.
    """

    def _keep(self, given: dict[str, Any]) -> None:
        """Keep the parameters of ``__init__`` as they are, which is all that it may do."""
        for name, value in given.items():
            if name != "self":
                setattr(self, name, value)

    def _learn(self, X: Any, t: Any, outputs: int, loss: Loss, *, anew: bool, once: bool) -> None:
        """Train with checked samples and targets, which go to so many outputs.

        Parameters
        ----------
        anew : bool
            Whether with a network that is made for it, or with the one that is there.
        once : bool
            Whether for one epoch, going on with what the optimizer remembers.
        """
        rule, params = self._rule(), self.get_params(deep=False)
        if anew:
            seed = check_random_state(params["random_state"]).randint(np.iinfo(np.int32).max)
            self._rng = np.random.default_rng(seed)
            self._trained = self._network(X.shape[1], outputs, X.dtype)
            self.network_ = self._whole(self._trained)
            self._made_from, self._state = self._form(X.shape[1], outputs), None
            self.loss_curve_: list[float] = []
            self.validation_loss_curve_: list[float] = []
        elif self._made_from != self._form(X.shape[1], outputs):
            raise self._refused(
                "layers",
                params["layers"],
                "the network that is there has other layers, inputs or outputs, and training "
                f"goes on with it. It was made from {self._made_from}.",
                "warm_start=False, or a new fit",
            )
        network = self._trained
        network.last_layer = self.network_.last_layer = loss
        validation, watchers = self._watchers(once)
        metrics = train.Metrics()
        try:
            train.fit(
                network,
                ((self._inputs(X), t), None),
                optimizer=rule,
                batch=self._batch(len(X), once),
                epochs=1 if once else params["max_iter"],
                replace=False,
                validation=validation,
                seed=self._rng,
                metrics=metrics,
                watch=watchers,
                state=self._state if once else None,
                train_accuracy=False,
                interpret=self._is_short(len(X), once),
            )
        except NonFiniteError as error:
            if error.write is None or not isinstance(params["optimizer"], str):
                raise
            write = error.write.replace("lr=", "learning_rate_init=")  # what it is called here
            raise NonFiniteError(error.what, why=error.why, write=write) from error
        finally:
            if metrics.optimizer_state is not None:  # None if the run did not begin
                self._state = metrics.optimizer_state
            rows = metrics.rows[1:]  # the first is before training
            self.loss_curve_ += [row.loss for row in rows]
            if validation is not None:
                self.validation_loss_curve_ += [row.validation_loss for row in rows]
            self.n_iter_ = len(self.loss_curve_)
        if rows and not once:
            row, name = self._constant(t, outputs), type(self).__name__
            warn_if_worse_than_constant(name, network, loss, self._inputs(X), t, row)

    def _whole(self, trained: Sequential) -> Sequential:
        """Give the network that predicts, from the one that is trained; they share their arrays."""
        return trained

    def _constant(self, t: Any, outputs: int) -> Any:
        """Give the best scores that are the same for all samples, (outputs,)."""
        raise NotImplementedError

    def _scores(self, X: Any) -> Any:
        """Compute what the network says of samples, (N, outputs)."""
        check_is_fitted(self, "network_")
        X = self._inputs(validate_data(self, X, reset=False, dtype=self._dtype(anew=False)))
        pieces = [X[start : start + _ROWS] for start in range(0, len(X), _ROWS)]
        found = [self.network_.predict(piece) for piece in pieces]
        return found[0] if len(found) == 1 else np.concatenate(found)

    # ---- what the parameters say -------------------------------------------------------------

    def _network(self, features: int, outputs: int, dtype: Any) -> Sequential:
        layers = self.get_params(deep=False)["layers"]
        if not isinstance(layers, str):
            raise self._refused(
                "layers",
                layers,
                "the hidden layers are written in a line, as for nn.layers_of; the last one, "
                "to the outputs, is added.",
                'layers="affine 100, relu"',
            )
        line = ", ".join(part for part in (layers.strip(), f"affine {outputs}") if part)
        made = layers_of(line, self._shape(features), seed=self._rng, dtype=dtype)
        return Sequential(*made)

    def _form(self, features: int, outputs: int) -> tuple[Any, ...]:
        """Give what decides the arrays of the network."""
        return self.get_params(deep=False)["layers"], *self._shape(features), outputs

    def _shape(self, features: int) -> tuple[int, ...]:
        """Give the shape of a sample as the network gets it."""
        shape = self.get_params(deep=False)["input_shape"]
        if shape is None:
            return (features,)
        is_shape = isinstance(shape, tuple | list) and all(map(_is_count, shape))
        if not is_shape or prod(shape) != features:
            raise self._refused(
                "input_shape",
                shape,
                f"each row of X, {features} numbers, is brought into this shape.",
                f"input_shape=({features},)",
            )
        return tuple(map(int, shape))

    def _inputs(self, X: Any) -> Any:
        """Give rows as the network takes them."""
        X = X.reshape(len(X), *self._shape(X.shape[1]))
        if not self.network_.whole_inputs:
            return X
        whole = X.astype(np.int64)
        if not np.array_equal(whole, X):
            raise self._refused(
                "layers",
                self.get_params(deep=False)["layers"],
                "the first layer takes whole numbers, and X has others.",
                "X of numbers of rows, 0, 1, 2, …",
            )
        return whole

    def _dtype(self, *, anew: bool) -> Any:
        """Give the dtypes that samples may have; of others they become the first."""
        if not anew:
            return next(iter(self.network_.params.values())).dtype
        dtype = self.get_params(deep=False)["dtype"]
        if dtype is None:
            return [np.float64, np.float32]
        try:
            found = np.dtype(dtype)
        except TypeError:
            found = np.dtype(object)
        if found not in (np.float32, np.float64):
            raise self._refused(
                "dtype",
                dtype,
                "a network computes in float32 or float64, by default in that of X.",
                'dtype="float32"',
            )
        return found

    def _rule(self) -> Any:
        """Give the update rule, and check what is not part of it."""
        self._check_numbers()
        params = self.get_params(deep=False)
        optimizer = params["optimizer"]
        given = {
            name: params[ours]
            for name, ours in (("lr", "learning_rate_init"), ("weight_decay", "weight_decay"))
            if params[ours] is not None
        }
        if isinstance(optimizer, str) and optimizer in _RULES:
            if optimizer == "sgd":
                given.setdefault("lr", _SGD_RATE)
            return _RULES[optimizer](**given)
        if isinstance(optimizer, type) or not hasattr(optimizer, "update"):
            raise self._refused(
                "optimizer",
                optimizer,
                f"it is {', '.join(map(repr, _RULES))}, or a rule of clearprop.optim.",
                'optimizer="adam"',
            )
        if given:
            raise self._refused(
                "optimizer",
                optimizer,
                f"a rule has its own {' and '.join(given)}.",
                "learning_rate_init=None, weight_decay=None",
            )
        return optimizer

    def _batch(self, samples: int, once: bool) -> int:
        size = self.get_params(deep=False)["batch_size"]
        size = min(200 if isinstance(size, str) else int(size), samples)
        # Batches have one size: so that one epoch has each sample once, or nearly
        return -(-samples // -(-samples // size)) if once else size

    def _watchers(self, once: bool) -> tuple[float | None, list[Any]]:
        """Give the part of the samples to validate with, and the watchers of the run."""
        params = self.get_params(deep=False)
        watchers: list[Any] = [train.PlainProgress()] if params["verbose"] else []
        if once:
            return None, watchers
        tol, patience = params["tol"], int(params["n_iter_no_change"])
        if not params["early_stopping"]:
            return None, [*watchers, Settled(tol, patience)]
        early = train.EarlyStopping(self._trained, patience, least=tol)
        return float(params["validation_fraction"]), [*watchers, early]

    def _is_short(self, samples: int, once: bool) -> bool:
        """Say whether to compute in NumPy: as it was asked, or since the run is so short."""
        params = self.get_params(deep=False)
        if params["interpret"] is not None:
            return bool(params["interpret"])
        drawn = samples * (1 if once else params["max_iter"])
        if drawn / self._batch(samples, once) > _FEW_UPDATES:
            return False
        shape = self._shape(self.n_features_in_)
        return bool(3 * drawn * self.network_.summary(shape).operations <= _FEW_OPERATIONS)

    def _check_numbers(self) -> None:
        for name, value in self.get_params(deep=False).items():
            if name in _LIMITS:
                holds, why, write = _LIMITS[name]
                if not holds(value):
                    raise self._refused(name, value, why, f"{name}={write}")

    def _refused(self, name: str, value: Any, why: str, write: str) -> OptionError:
        return OptionError(
            f"{type(self).__name__}: {name} is {value!r}.",
            where=current_line(2),
            why=why,
            write=write,
        )


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value, Integral) and bool(value >= 1)


def _is_real(value: Any) -> bool:
    return _is_number(value, Real)


_LIMITS: dict[str, tuple[Any, str, str]] = {
    "batch_size": (
        lambda v: v == "auto" if isinstance(v, str) else _is_count(v),
        'the samples of a batch are a whole number from 1 on, or "auto": 200, or all if fewer.',
        "200",
    ),
    "max_iter": (_is_count, "the number of epochs is a whole number from 1 on.", "200"),
    "n_iter_no_change": (_is_count, "epochs are counted from 1 on.", "10"),
    "tol": (lambda v: _is_real(v) and 0 <= v < np.inf, "it is a finite number from 0 on.", "1e-4"),
    "validation_fraction": (
        lambda v: _is_real(v) and 0 < v < 1,
        "the part of the samples that is set aside is between 0 and 1.",
        "0.1",
    ),
}
