"""Networks that are one layer after the other, with the face of the textbook's TwoLayerNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clearprop.errors import OrderError, ShapeError, UnknownNameError
from clearprop.nn.chain import Chain, no_chain
from clearprop.nn.fitting import check_loss, check_sizes
from clearprop.nn.layer import Layer
from clearprop.nn.losses import Loss
from clearprop.nn.parameters import Arrays
from clearprop.places import current_line
from clearprop.signatures import told
from clearprop.tensor import Tensor
from clearprop.transforms import value_and_grad

if TYPE_CHECKING:
    from clearprop.nn.summary import Summary

Array = npt.NDArray[Any]


class Sequential(Chain):
    r"""``y = f_n(… f_2(f_1(x)))``, and with a loss layer ``L = loss(y, t)`` and its gradient.

    A network is itself a layer, with ``forward`` and ``backward``, and may stand in another one.

    Parameters
    ----------
    *layers : Layer
        In the order of the forward pass; a `Sequential` among them is taken apart.
    loss : Loss, optional
        What ``loss``, ``gradient`` and ``accuracy`` need, such as `SoftmaxWithLoss`.

    Attributes
    ----------
    layers : dict of str to Layer
        By the names Affine1, ReLU1, Affine2, …
    last_layer : Loss or None
    params : dict of str to ndarray
        W1, b1, gamma2, …, numbered by the layers that have parameters; ``Residual1.W1`` for those
        in a block. The very arrays of the layers: ``net.params["W1"] -= lr * grad["W1"]`` trains
        the network, and so does ``net.params = new``.
    state : dict of str to ndarray
        What changes in training without being trained, such as ``BatchNorm1.running_mean`` and
        ``Dropout1.key``. With ``params``, all that a run needs to go on.

    Raises
    ------
    OptionError
        There is no layer, a loss stands among the layers, a layer takes two inputs, a layer behind
        the first takes whole numbers, or a layer stands there twice; or `Softmax` stands before
        `SoftmaxWithLoss`, which has one of its own, or `Sigmoid` before `SigmoidWithLoss`.
    ShapeError
        An `Affine` does not take what the one before it gives.
    OrderError
        ``loss``, ``gradient`` or ``accuracy`` without a loss layer.
    ShapeError, DTypeError, LabelError
        From the layer that is concerned.

    Source
    ------
    K. Saitoh, *Deep Learning from Scratch*, 2016, section 5.7.2.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(
    ...     nn.Affine.initial(2, 8, seed=rng), nn.Tanh(), nn.Affine.initial(8, 2, seed=rng),
    ...     loss=nn.SoftmaxWithLoss(),
    ... )
    >>> net
    Sequential(
      Affine1: Affine(2 → 8, float64)
      Tanh1: Tanh()
      Affine2: Affine(8 → 2, float64)
      loss: SoftmaxWithLoss()
    ) with 42 parameters
    >>> x, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    >>> for _ in range(200):
    ...     grad = net.gradient(x, t)
    ...     for key in net.params:
    ...         net.params[key] -= 1.0 * grad[key]
    >>> net.accuracy(x, t)
    1.0
    """

    def __init__(self, *layers: Layer, loss: Loss | None = None) -> None:
        if loss is not None and not isinstance(loss, Loss):
            raise no_chain("Sequential", f"loss is {loss!r}, which is no loss layer")
        super().__init__(*layers)
        inside = [*self.layers.values()]
        check_sizes(inside, type(self).__name__)
        check_loss(inside, loss)
        self.last_layer = loss

    # ---- the arrays ------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, Array]:
        """The arrays that are trained, by name; assigning to them changes the layers."""
        return Arrays(self._parameters)

    @params.setter
    def params(self, new: Mapping[str, Array]) -> None:
        self.params.update(new)

    @property
    def state(self) -> dict[str, Array]:
        """What changes in training without being trained, by name."""
        return Arrays(self._buffers)

    @state.setter
    def state(self, new: Mapping[str, Array]) -> None:
        self.state.update(new)

    def update(self, params: Mapping[str, Array]) -> None:
        """Take new parameters, all or some; where one of them does not fit, none is taken."""
        self.params.update(params)

    # ---- the layer ----------------------------------------------------------------------------

    def compute(self, x: Any, *arrays: Any, train: bool = False) -> Any:
        """Compute ``y`` from ``x``, the parameters and the buffers. Pure.

        Returns ``y``, or ``(y, seen)`` where there are buffers: ``net.advance(buffers, seen)``
        gives the buffers after a call in training.
        """
        y, seen = self._run(x, arrays, train)
        return (y, seen) if self.buffers else y

    # ---- the textbook's network ------------------------------------------------------------------

    def predict(
        self, x: Any, *, params: Mapping[str, Any] | None = None, train: bool = False
    ) -> Any:
        """Compute the scores ``y``, without a record.

        Parameters
        ----------
        x : ndarray
            As the first layer takes it.
        params : dict of str to ndarray, optional
            Compute with these instead of the network's own. They may be recorded values:
            ``cp.grad(lambda p: net.loss(x, t, params=p))(net.params)``.
        train : bool, default False
            As in training: Dropout drops (with the masks of the next ``gradient``), BatchNorm
            uses the batch. Nothing is counted and no running mean is changed.

        Returns
        -------
        ndarray
        """
        arrays = self._chosen(params)
        (x,) = self.taken((x,), arrays)
        return self._run(x, arrays + self.arrays(self.buffers), train)[0]

    def outputs(self, x: Any, *, train: bool = False) -> dict[str, Array]:
        """Compute what `predict` computes, and give the output of every layer by its name.

        Examples
        --------
        >>> import numpy as np
        >>> from clearprop import nn
        >>> net = nn.TwoLayerNet(4, 5, 3)
        >>> {name: y.shape for name, y in net.outputs(np.ones((2, 4))).items()}
        {'Affine1': (2, 5), 'ReLU1': (2, 5), 'Affine2': (2, 3)}
        """
        arrays = self._chosen(None)
        (x,) = self.taken((x,), arrays)
        return dict(self.each_output(x, arrays + self.arrays(self.buffers), train=train))

    def each_output(
        self, x: Any, arrays: tuple[Any, ...], *, train: bool = False
    ) -> list[tuple[str, Any]]:
        """Compute what `compute` computes, and give each layer's name and output. Pure."""
        return [(name, y) for name, y, _ in self._steps(x, arrays, train)]

    def loss(
        self, x: Any, t: Any, *, params: Mapping[str, Any] | None = None, train: bool = False
    ) -> Any:
        """Compute the loss, the mean over the batch; parameters as in `predict`."""
        last = self._last_layer("loss")
        y = self.predict(x, params=params, train=train)
        return last.compute(y, t=last.targets(t, y))

    def accuracy(self, x: Any, t: Any) -> float:
        """Compute the fraction of predictions that are right, from 0 to 1."""
        last = self._last_layer("accuracy")
        hits = last.hits(self.predict(x), t)
        if not hits.size:
            raise ShapeError(
                f"{type(self).__name__}.accuracy: x has shape {np.shape(x)}.",
                where=current_line(1),
                why="There is no fraction of no samples.",
                write="at least one sample.",
            )
        return float(np.mean(hits))

    @told("net.summary")
    def summary(self, input_shape: Sequence[int]) -> Summary:
        """Say what each layer gives for a sample, and what it takes: a table.

        Parameters
        ----------
        input_shape : sequence of int
            Of one sample: ``(784,)``, ``(1, 28, 28)``.

        Returns
        -------
        Summary
            Shapes, parameters, operations of a forward pass and bytes, layer by layer.

        Examples
        --------
        >>> from clearprop import nn
        >>> print(nn.TwoLayerNet(784, 50, 10, dtype="float32").summary((784,)))
                        shape  parameters  operations  memory
        -----------------------------------------------------
        TwoLayerNet of    784
        Affine1            50      39,250      78.5 k   200 B
        ReLU1              50                      50   200 B
        Affine2            10         510      1.01 k    40 B
        -----------------------------------------------------
                                   39,760      79.5 k   440 B
        Operations and memory of one sample, forward; ...
        """
        from clearprop.nn.summary import summary

        return summary(self, input_shape)

    def gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Compute the gradient of the loss with respect to every parameter, in training.

        One forward and one backward pass. Dropout counts the call, BatchNorm updates its running
        mean and variance. Each layer gets its ``dW, db`` too.

        Parameters
        ----------
        x : ndarray
            The batch, as the first layer takes it.
        t : array_like
            Labels, as the loss layer takes them.

        Returns
        -------
        dict of str to ndarray
            Under the names of ``params``, each in the shape and dtype of its parameter; in units
            of loss per unit of it.
        """
        return self.loss_and_gradient(x, t)[1]

    def loss_and_gradient(self, x: Any, t: Any) -> tuple[Any, dict[str, Array]]:
        """Compute the loss and, from the same pass, what `gradient` computes."""
        last = self._last_layer("gradient")
        parameters, buffers = self.arrays(self.parameters), self.arrays(self.buffers)
        (x,) = self.taken((x,), parameters)
        x = _constant(x)
        seen: tuple[Any, ...] = ()

        def loss(*arrays: Any) -> Any:
            nonlocal seen
            y, seen = self._run(x, arrays + buffers, train=True)
            return last.compute(y, t=last.targets(t, y))

        value, gradients = value_and_grad(loss, range(len(parameters)))(*parameters)
        self.remember(seen)
        self.keep(gradients)
        return value, dict(zip(self.parameters, gradients, strict=True))

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Differentiate the loss numerically: slow, to check `gradient` with.

        Two forward passes for each single parameter, computed in float64, as in training, with
        the masks of the next call of `gradient`.

        Parameters and result are as in `gradient`.
        """
        from clearprop.check import numerical_gradient

        params = {name: value.astype(np.float64) for name, value in self.params.items()}
        (x,) = self.taken((x,), tuple(params.values()))
        narrow = not isinstance(x, Tensor) and x.dtype.kind == "f"
        wide = x.astype(np.float64) if narrow else x

        def gradient_of(name: str) -> Any:
            def loss(value: Any) -> Any:
                return self.loss(wide, t, params={**params, name: value}, train=True)

            return numerical_gradient(loss, params[name]).astype(self.params[name].dtype)

        return {name: gradient_of(name) for name in params}

    def _chosen(self, params: Mapping[str, Any] | None) -> tuple[Any, ...]:
        if params is None:
            return self.arrays(self.parameters)
        if params.keys() != self._parameters.keys():
            raise UnknownNameError(
                f"params has {list(params)}, the network has {list(self.parameters)}.",
                where=current_line(1),
                why="The network computes with what is given instead of its own parameters.",
                write="params={**net.params, 'W1': W1}",
            )
        return tuple(params[name] for name in self.parameters)

    def _last_layer(self, what: str) -> Loss:
        return self.needed_loss(f"{type(self).__name__}.{what}")

    def needed_loss(self, what: str) -> Loss:
        """Give the loss layer.

        Raises
        ------
        OrderError
            There is none.
        """
        if self.last_layer is None:
            raise OrderError(
                f"{what}: the network has no loss layer.",
                where=current_line(1),
                why="The loss says how far a prediction is from its label.",
                write="nn.Sequential(…, loss=nn.SoftmaxWithLoss())",
            )
        return self.last_layer

    def __repr__(self) -> str:
        lines = self._lines()
        if self.last_layer is not None:
            lines.append(f"  loss: {self.last_layer!r}")
        count = sum(array.size for array in self.arrays(self.parameters))
        return "\n".join([f"{type(self).__name__}(", *lines, f") with {count:,} parameters"])


def _constant(x: Any) -> Any:
    """Give an array as a constant of the record, which keeps it without a copy."""
    return Tensor(x) if isinstance(x, np.ndarray) else x
