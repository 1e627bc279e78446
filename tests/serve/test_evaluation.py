"""The process that computes: it may end, hang or lie, and the server goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import pytest

from clearprop.serve.answering import answer
from clearprop.serve.evaluation import Evaluator
from clearprop.serve.examples import EXAMPLES, Example


def asked(text: str, number: int = 0, **values: str) -> dict[str, Any]:
    return {"text": text, "values": values, "tab": "t", "number": number}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def worker(code: str) -> list[str]:
    """Give the command of a worker that says it is ready and then does something else."""
    return [sys.executable, "-c", f"import sys, time\nprint('{{}}', flush=True)\n{code}"]


def test_a_formula_is_answered_by_the_process_as_without_it() -> None:
    async def work() -> Any:
        evaluator = Evaluator(seconds=60)
        try:
            first = await evaluator.ask(asked("price * count", price="100", count="2"))
            process = evaluator.process
            second = await evaluator.ask(asked("1 +"))
            return first, second, evaluator.process is process
        finally:
            await evaluator.close()

    first, second, same = run(work())
    assert first == answer(asked("price * count", price="100", count="2"))
    assert second == answer(asked("1 +"))
    assert same


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("sys.stdin.readline(); time.sleep(600)", "longer than 0.5 s"),
        ("sys.stdin.readline(); sys.exit(1)", "Its process ended"),
        ("sys.stdin.readline(); print('no answer', flush=True); time.sleep(600)", "process ended"),
        ("sys.stdin.readline(); print('[1]', flush=True); time.sleep(600)", "process ended"),
    ],
)
def test_a_process_that_fails_costs_its_formula_alone(code: str, words: str) -> None:
    async def work() -> Any:
        evaluator = Evaluator(seconds=0.5, command=worker(code))
        try:
            failed = await evaluator.ask(asked("x"))
            ended = evaluator.process is None
            evaluator.seconds, evaluator.command = 60, Evaluator().command
            return failed, ended, await evaluator.ask(asked("x * 2", x="3"))
        finally:
            await evaluator.close()

    failed, ended, again = run(work())
    assert words in failed["error"]["why"]
    assert ended
    assert again["result"] == "6"


def test_the_process_is_ended_with_the_server() -> None:
    async def work() -> Any:
        evaluator = Evaluator(seconds=60)
        await evaluator.ask(asked("x"))
        process = evaluator.process
        assert process is not None
        await evaluator.close()
        return process.returncode

    assert run(work()) is not None


def test_memory_is_limited_in_the_process() -> None:
    if sys.platform != "linux":
        pytest.skip("the platform cannot limit it")
    code = (
        "from clearprop.serve import worker\n"
        "worker.answer = lambda _: {'size': len(bytearray(4 << 30))}\n"
        "worker.main()"
    )

    async def work() -> Any:
        evaluator = Evaluator(seconds=60, command=[sys.executable, "-c", code])
        try:
            return await evaluator.ask(asked("x"))
        finally:
            await evaluator.close()

    assert run(work())["error"]["message"] == "The formula needs too much memory."


def test_a_formula_that_was_typed_over_is_not_computed() -> None:
    class Slow(Evaluator):
        computed: list[int] = []  # noqa: RUF012

        async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
            self.computed.append(request["number"])
            await asyncio.sleep(0.01)
            return {}

    async def work() -> Any:
        evaluator = Slow()
        found = await asyncio.gather(*(evaluator.ask(asked("x", n)) for n in (1, 2, 3)))
        other = await evaluator.ask({**asked("x", 1), "tab": "another"})
        return evaluator.computed, found, other

    computed, found, other = run(work())
    assert computed == [1, 3, 1]
    assert found == [{}, {"stale": True}, {}]
    assert other == {}


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.title for example in EXAMPLES])
def test_every_example_is_computed(example: Example) -> None:
    found = answer({"text": example.text, "values": example.values})
    assert "error" not in found
    assert {leaf["source"] for leaf in found["leaves"]} == {"given"}, "no value is missing"
    assert [leaf["name"] for leaf in found["leaves"]]
    assert set(example.values) == {leaf["name"] for leaf in found["leaves"]}
    assert "<svg" in found["page"]
    assert not [note for note in found["notes"] if "NaN" in note]


def test_the_examples_have_the_numbers_of_the_documents() -> None:
    def derivatives(title: str) -> dict[str, str]:
        (example,) = (e for e in EXAMPLES if e.title == title)
        found = answer({"text": example.text, "values": example.values})
        return {leaf["name"]: leaf["derivative"] for leaf in found["leaves"]} | {
            "result": found["result"]
        }

    assert derivatives("Two apples") == {
        "price": "2.2", "count": "110", "tax": "200", "result": "220",
    }  # fmt: skip
    assert derivatives("Apples and oranges") == {
        "apple": "2.2", "apple_num": "110", "orange": "3.3", "orange_num": "165", "tax": "650",
        "result": "715",
    }  # fmt: skip
    assert derivatives("The square of a sum") == {"x": "6", "y": "6", "result": "9"}
    stepwise, fused = (
        derivatives(title) for title in ("Softmax with loss", "Softmax with loss, in one piece")
    )
    assert stepwise == fused
    assert stepwise["x"] == "[0.01821, -0.7548, 0.7366]"


def test_what_stands_in_fields_of_other_names_is_passed_over() -> None:
    found = answer({"text": "x * 2", "values": {"x": "3", "old": "7", "__class__": "1"}})
    assert found["result"] == "6"
    assert answer({"text": "x = 4; x * 2", "values": {"x": "3"}})["result"] == "8"


def test_a_field_that_is_wrong_is_named() -> None:
    found = answer({"text": "x * 2", "values": {"x": "three"}})
    assert found["error"]["field"] == "x"
    assert found["names"] == ["x"]


@pytest.mark.parametrize("request_", [None, [], "x", {}, {"text": 3}, {"text": None}])
def test_what_is_no_request_is_answered(request_: Any) -> None:
    assert answer(request_)["error"]["message"] == "This is no request of the page."


def test_a_page_holds_the_text_and_not_its_markup() -> None:
    page = answer({"text": "x * 2  # <script>alert(1)</script>", "values": {}})["page"]
    assert "<script>alert" not in page
