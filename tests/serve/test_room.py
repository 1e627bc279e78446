"""The training room: it learns, does what it is told, and stops when nobody looks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from clearprop import nn
from clearprop.data import MNIST
from clearprop.data.mnist import Split
from clearprop.errors import DataError
from clearprop.serve.app import room_stream
from clearprop.serve.room import Room
from clearprop.serve.training import Settings, Training
from clearprop.serve.views import curves, look, pictures, thin


def easy(count: int = 300) -> MNIST:
    """Ten patterns with noise: a network learns them in a moment."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 255, (10, 784))

    def split(n: int) -> Split:
        t = rng.integers(10, size=n)
        noisy = patterns[t] + rng.integers(-40, 40, (n, 784))
        return Split(np.clip(noisy, 0, 255).astype(np.uint8), t)

    return MNIST(split(count), split(count))


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(data=easy)
    yield made
    made.close()
    assert made._thread is None or not made._thread.is_alive()


def until(room: Room, what: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, Any]:
    """Wait for news; the limit of pytest is the limit."""
    import time

    while True:
        news = {kind: data for kind, (_, data) in room.news().items()}
        if what(news):
            return news
        time.sleep(0.01)


def is_there(news: dict[str, dict[str, Any]]) -> bool:
    return not news["state"]["loading"] and "pictures" in news


def test_it_trains_as_the_library_does() -> None:
    data = easy()
    training = Training(data, Settings(initial="0.01"), seed=3)
    net = nn.TwoLayerNet(784, 50, 10, seed=3, dtype=np.float32)
    rng = np.random.default_rng(3)
    for _ in range(3):
        training.step()
        drawn = rng.integers(len(data.train.x), size=100)
        x = np.divide(data.train.x[drawn], np.float32(255), dtype=np.float32)
        gradients = net.gradient(x, data.train.t[drawn])
        for key in net.params:
            net.params[key] -= 0.1 * gradients[key]
    for key, value in net.params.items():
        np.testing.assert_allclose(training.network.params[key], value, rtol=1e-5, atol=1e-7)
    expected = float(np.sqrt(np.mean(np.square(gradients["W1"]))))
    assert training.history.strength[0][-1] == pytest.approx(expected, rel=1e-4)


def test_it_learns() -> None:
    training = Training(easy(), Settings(initial="he"))
    look(training)
    for _ in range(100):
        training.step()
    look(training)
    assert training.history.test[0] < 0.5
    assert training.history.test[1] > 0.95
    assert training.history.loss[-1] < training.history.loss[0] / 4


def test_weights_stay_where_the_activation_changes() -> None:
    training = Training(easy(), Settings())
    before = training.affines[0].W.copy()
    training.change(Settings(activation="tanh"))
    assert "Tanh1" in training.network.layers
    np.testing.assert_array_equal(training.affines[0].W, before)
    training.step()
    assert not np.array_equal(training.affines[0].W, before)


def test_the_lesson_of_the_gradients_is_true() -> None:
    """Sigmoid, three hidden layers, 0.01: next to nothing arrives; with Xavier more does."""
    arrived = {}
    for initial in ("0.01", "xavier"):
        training = Training(easy(), Settings(activation="sigmoid", layers=3, initial=initial))
        training.step()
        first, *_, last = (noted[-1] for noted in training.history.strength)
        arrived[initial] = first / last
    assert arrived["0.01"] < 1e-4
    assert arrived["xavier"] > 100 * arrived["0.01"]


def test_a_loss_that_is_not_finite_ends_it_with_advice() -> None:
    training = Training(easy(), Settings(lr=1.0))
    training.affines[0].W[:] = np.nan
    training.step()
    assert training.iteration == 0
    assert "Press Reset, with a smaller learning rate such as 0.1" in training.problem
    json.dumps([curves(training), pictures(training)], allow_nan=False)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"lr": 0}, "lr is a number from 1e-06 to 100"),
        ({"lr": float("nan")}, "lr is a number"),
        ({"lr": "0.1"}, "lr is a number"),
        ({"lr": True}, "lr is a number"),
        ({"batch": 1.5}, "batch is a whole number from 1 to 1000"),
        ({"batch": 10**9}, "batch is a whole number"),
        ({"hidden": 201}, "hidden is a whole number from 1 to 200"),
        ({"layers": 5}, "layers is a whole number from 1 to 4"),
        ({"activation": "os"}, "activation is one of relu, sigmoid, tanh"),
        ({"activation": []}, "activation is one of"),
        ({"__class__": 1}, "no such setting"),
    ],
)
def test_settings_out_of_their_limits_are_refused(
    room: Room, new: dict[str, Any], words: str
) -> None:
    assert words in room.order({"settings": new})
    assert room.settings == Settings()


@pytest.mark.parametrize("asked", [{"do": "rm"}, {"do": 3}, {"settings": []}, {"do": ["start"]}])
def test_what_is_no_order_is_refused(room: Room, asked: dict[str, Any]) -> None:
    assert room.order(asked) == "There is no such order."


def test_it_does_what_it_is_told(room: Room) -> None:
    room.enter()
    until(room, is_there)
    assert room.order({"do": "step"}) == ""
    until(room, lambda news: news["curves"]["iteration"] == 1)
    room.order({"do": "start", "settings": {"speed": "fast", "lr": 0.2}})
    until(room, lambda news: news["curves"]["iteration"] > 20)
    room.order({"do": "pause"})
    news = until(room, lambda news: not news["state"]["running"])
    assert news["state"]["settings"]["lr"] == 0.2
    room.order({"settings": {"layers": 2}})
    until(room, lambda news: len(news["curves"]["strength"]) == 3)
    room.order({"do": "step"})
    until(room, lambda news: news["curves"]["iteration"] == 1)
    room.order({"do": "reset"})
    until(room, lambda news: news["curves"]["iteration"] == 0)


def test_it_stops_when_nobody_looks(room: Room) -> None:
    room.enter()
    until(room, is_there)
    room.order({"do": "start", "settings": {"speed": "fast"}})
    until(room, lambda news: news["curves"]["iteration"] > 3)
    room.leave()
    assert not room.running
    room.order({"do": "start"})
    assert not room.running, "there is nobody to train for"
    room.enter()
    room.order({"do": "start"})
    assert room.running


def test_the_stream_tells_what_is_new_and_leaves_with_the_page(room: Room) -> None:
    async def work() -> list[str]:
        found: list[str] = []
        gone = False

        async def is_gone() -> bool:
            return gone

        async for event in room_stream(room, is_gone):
            found.append(event)
            assert room._listeners == 1
            if event.startswith("event: pictures"):
                gone = True
        return found

    events = asyncio.run(work())
    assert room._listeners == 0
    kinds = [event.split("\n")[0] for event in events]
    assert "event: state" in kinds
    assert len(kinds) <= 2 + len(set(kinds)), "nothing is told again and again"
    for event in events:
        json.loads(event.split("data: ", 1)[1])


def test_what_ends_the_training_is_told_and_it_can_be_tried_again() -> None:
    def missing() -> MNIST:
        tried.append(1)
        if len(tried) == 1:
            raise DataError("mnist: a file that comes with clearprop is missing.")
        return easy()

    tried: list[int] = []
    room = Room(data=missing)
    room.enter()
    news = until(room, lambda news: bool(news["state"]["problem"]))
    assert "The training ended: mnist: a file that comes with" in news["state"]["problem"]
    room.leave()
    room.enter()
    until(room, is_there)
    room.close()


def test_pictures_show_what_there_is() -> None:
    training = Training(easy(), Settings(hidden=40))
    shown = pictures(training)
    assert len(shown["weights"]) == 30
    pixels = np.frombuffer(base64.b64decode(shown["weights"][0]), np.int8)
    weights = training.affines[0].W[:, 0]
    np.testing.assert_allclose(
        pixels / 127 * shown["largest"], weights, atol=shown["largest"] / 200
    )
    wrong = shown["wrong"][0]
    assert wrong["truth"] != wrong["guess"]
    pixels = np.frombuffer(base64.b64decode(wrong["pixels"]), np.uint8)
    np.testing.assert_array_equal(pixels, training.data.test.x[wrong["index"]])
    training.affines[0].W[:], training.affines[0].b[:] = 0, 1
    assert pictures(training)["dead"] == 0
    training.affines[0].b[:7] = -1
    assert pictures(training)["dead"] == 7


def test_long_curves_are_thinned_and_keep_their_end() -> None:
    values = list(np.linspace(5, 1, 10_000))
    points = thin(values)
    assert len(points) <= 250
    assert points[-1][0] == 10_000
    assert points[-1][1] == pytest.approx(1.0, abs=0.01)
    assert np.mean([y for _, y in points]) == pytest.approx(np.mean(values), abs=1e-3)
