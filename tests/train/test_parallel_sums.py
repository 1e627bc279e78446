"""Sums over shards have the same bits whoever adds; networks in shards learn what whole ones do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from clearprop import nn, train
from clearprop.errors import LabelError, OptionError, ShapeError
from clearprop.train.parallel.layers import check_layers
from clearprop.train.parallel.processes import Processes
from clearprop.train.parallel.shards import check_shards, shards_of
from clearprop.train.parallel.step import derivative_of
from clearprop.train.parallel.sums import over_processes
from clearprop.train.updates import _of_batch


class Mailboxes:
    """What processes swap, when they are threads."""

    def __init__(self) -> None:
        self.boxes: dict[tuple[int, int], list[Any]] = {}
        self.there = threading.Condition()

    def swap(self, rank: int, given: Any, partner: int, taken: Any) -> None:
        with self.there:
            self.boxes.setdefault((rank, partner), []).append(given.copy())
            self.there.notify_all()
            assert self.there.wait_for(lambda: self.boxes.get((partner, rank)), 60)
            taken[...] = self.boxes[partner, rank].pop(0)


class Threaded(Processes):
    """A process that is a thread."""

    def __init__(self, rank: int, size: int, mail: Mailboxes, shards: int = 8) -> None:
        super().__init__(None, shards, False)
        self.rank, self.size, self.mail = rank, size, mail

    def swap(self, given: Any, partner: int, taken: Any) -> None:
        self.mail.swap(self.rank, given, partner, taken)


def on_threads(size: int, work: Callable[[Threaded], Any]) -> list[Any]:
    mail, found = Mailboxes(), [None] * size

    def run(rank: int) -> None:
        found[rank] = work(Threaded(rank, size, mail))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("length", [0, 1, 7, 3_001])
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_the_order_is_that_of_the_tree(size, length):
    rng = np.random.default_rng(length)
    parts = [(rng.normal(size=length) * 10.0 ** rng.integers(-9, 9)).astype("f4") for _ in range(8)]
    each = 8 // size

    def work(process):
        return process.total(parts[process.rank * each : (process.rank + 1) * each])

    one, two, *_ = (parts[k] + parts[k + 1] for k in (0, 2))
    right = (one + two) + ((parts[4] + parts[5]) + (parts[6] + parts[7]))
    for found in on_threads(size, work):
        np.testing.assert_array_equal(found, right)


def test_no_process_sends_more_than_two_arrays():
    sent = []

    def work(process):
        swap = process.swap
        process.swap = lambda given, *rest: (
            sent.append((process.rank, given.size)),
            swap(given, *rest),
        )
        return over_processes(np.ones(8_000), process)

    on_threads(8, work)
    assert max(sum(n for rank, n in sent if rank == r) for r in range(8)) == 2 * 8_000 * 7 // 8


def test_what_is_given_stays():
    given = [np.ones(2_000), np.ones(2_000)]
    one = Processes(None, 8, False)
    one.total(given)
    one.total(given[:1])[0] = 7
    assert (np.array(given) == 1).all()


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((6, 60, 2), "shards is 6"),
        ((0, 60, 2), "shards is 0"),
        ((8, 5, 2), "cut into 8 shards. Why: each shard has at least one sample"),
        ((8, 60, 3), "There are 3 processes"),
        ((8, 60, 16), "--shards 16"),
    ],
)
def test_numbers_that_do_not_go_together(numbers, said):
    with pytest.raises(OptionError, match="(?i)" + said.replace("--", "--")):
        check_shards(*numbers)


def affine(a: int, b: int, **options: Any) -> nn.Affine:
    return nn.Affine.initial(a, b, seed=a, dtype="float64", **options)


def images() -> list[Any]:
    conv = nn.Conv2d.initial(2, 3, 3, padding=1, seed=0, dtype="float64")
    return [conv, nn.BatchNorm.initial(3), nn.ReLU(), nn.MaxPool2d(2)]


NETWORKS: dict[str, tuple[Callable[[], nn.Sequential], tuple[int, ...], int]] = {
    "normalised rows": (
        lambda: nn.Sequential(
            affine(4, 6),
            nn.BatchNorm.initial(6),
            nn.Tanh(),
            nn.Residual(affine(6, 6), nn.BatchNorm.initial(6), nn.GELU()),
            affine(6, 3),
            loss=nn.SoftmaxWithLoss(class_weights=[1, 2, 0.5], label_smoothing=0.1),
        ),
        (4,),
        3,
    ),
    "images": (
        lambda: nn.Sequential(
            nn.RandomShift(1), nn.RandomFlip(), nn.Noise(0.1), *images(), nn.Flatten(),
            nn.Dropout(0.3), affine(3 * 4 * 4, 3), loss=nn.SoftmaxWithLoss(),
        ),
        (2, 8, 8),
        3,
    ),
    "each activation": (
        lambda: nn.Sequential(
            nn.BatchNorm.initial(2 * 4 * 4, per_activation=True), nn.Flatten(), affine(32, 2),
            loss=nn.SoftmaxWithLoss(ignore=0),
        ),
        (2, 4, 4),
        2,
    ),
    "numbers": (
        lambda: nn.Sequential(affine(3, 5), nn.ReLU(), affine(5, 1), loss=nn.MSE()),
        (3,),
        0,
    ),
}  # fmt: skip


def made(name: str) -> tuple[Any, ...]:
    build, shape, classes = NETWORKS[name]
    rng = np.random.default_rng(3)
    t = rng.integers(0, classes, 21) if classes else rng.normal(size=(21, 1))
    network = build()
    arrays = network.arrays(network.parameters), network.arrays(network.buffers)
    return network, rng.normal(size=(21, *shape)), t, *arrays


def flat(found: Any) -> list[Any]:
    value, seen, gradients = found
    return [value, *(part for layer in seen for part in layer), *gradients]


@pytest.mark.parametrize("name", NETWORKS)
def test_shards_learn_what_a_batch_does(name):
    network, x, t, *arrays = made(name)
    check_layers(network)
    whole = _of_batch(network, x, t, *arrays)
    one = Processes(None, 8, False)
    found = derivative_of(one.mine(21), 21, one)(network, x, t, *arrays)
    for a, b in zip(flat(found), flat(whole), strict=True):
        np.testing.assert_allclose(np.reshape(a, np.shape(b)), b, rtol=1e-9, atol=1e-12)

    def work(process):
        mine = process.mine(21)
        rows = slice(mine[0].start, mine[-1].stop)
        own = made(name)[0]  # layers are not shared by threads
        return derivative_of(mine, 21, process)(own, x[rows], t[rows], *arrays)

    for size in (2, 8):
        for of_process in on_threads(size, work):
            for a, b in zip(flat(of_process), flat(found), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_layer_that_is_not_known_is_refused():
    class Counting(nn.Layer):
        buffers = ("seen",)

        def __init__(self):
            self.seen = np.zeros(1)

        def compute(self, x, seen, *, train):
            return x, (np.float64(len(x)),)

    with pytest.raises(OptionError, match="Counting computes in a way of its own"):
        check_layers(nn.Sequential(Counting(), affine(2, 2), loss=nn.MSE()))


def test_what_is_wrong_is_said_as_on_one_process():
    one, parts = Processes(None, 4, False), {"batch": 8, "iterations": 2}
    x, t = np.ones((20, 4)), np.arange(20) % 3
    net = nn.Sequential(affine(4, 3), loss=nn.SoftmaxWithLoss())
    with pytest.raises(LabelError):
        train.fit(net, ((x, t + 1), None), parallel=one, **parts)
    with pytest.raises(ShapeError):
        train.fit(net, ((x[:, 1:], t), None), parallel=one, **parts)
    with pytest.raises(OptionError, match="8 shards"):
        train.fit(net, ((x, t), None), parallel=Processes(None, 8, False), batch=4)
    with pytest.raises(OptionError, match="stream"):
        train.fit(net, ([(x, t)], None), parallel=one)

    class Own(nn.Sequential):
        def loss_and_gradient(self, x, t):
            return super().loss_and_gradient(x, t)

    own = Own(affine(4, 3), loss=nn.SoftmaxWithLoss())
    with pytest.raises(OptionError, match="is written anew"):
        train.fit(own, ((x, t), None), parallel=one, **parts)


def test_in_numpy_and_in_machine_code_the_losses_are_the_same():
    x, t = np.random.default_rng(0).normal(size=(20, 4)), np.arange(20) % 3
    losses = []
    for interpret in (False, True):
        net = nn.Sequential(affine(4, 3), nn.BatchNorm.initial(3), loss=nn.SoftmaxWithLoss())
        metrics = train.fit(
            net,
            ((x, t), None),
            batch=10,
            iterations=6,
            interpret=interpret,
            parallel=Processes(None, 4, False),
        )
        losses.append(metrics.loss)
    np.testing.assert_allclose(*losses, rtol=1e-9)


def test_shards_are_those_of_the_batch():
    sizes = [stop - start for start, stop in shards_of(100, 8)]
    assert sizes == [13] * 4 + [12] * 4
