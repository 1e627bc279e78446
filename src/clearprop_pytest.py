"""The pytest plugin: the marker ``gradients``, and ``--clearprop-check FILE``.

It stands beside the package, not in it: pytest imports it at every start, and importing anything of
clearprop imports NumPy. Nothing is imported from there before it is used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

_MARKER = (
    "gradients(*inputs, **options): the test returns a layer, its class, a pair (forward, "
    "backward) or a function, and passes if its gradients are right (clearprop)"
)
_NOT_JUDGED = "clearprop: not judged"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Know ``--clearprop-check``."""
    parser.getgroup("clearprop").addoption(
        "--clearprop-check",
        action="append",
        default=[],
        metavar="FILE[:NAME]",
        help="Also check the hand-written backward passes of FILE, which is executed in a process "
        "of its own; what cannot be judged fails.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker, also with --strict-markers."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Take what a marked test returns, and check it; pytest calls the test as ever."""
    marker = pyfuncitem.get_closest_marker("gradients")
    if marker is None:
        return
    test = pyfuncitem.obj

    @functools.wraps(test)
    def checked(*args: Any, **kwargs: Any) -> None:
        subject = test(*args, **kwargs)
        if subject is None:
            pytest.fail(
                f"{pyfuncitem.name} is marked with gradients and returns nothing. "
                "Write instead: return the layer, the pair of functions or the function",
                pytrace=False,
            )
        from clearprop.testing import report_of, result_of

        result = result_of(subject, *marker.args, **marker.kwargs)
        if not result.ok:
            pytest.fail(report_of(result), pytrace=False)
        _note(pyfuncitem, [result])

    pyfuncitem.obj = checked


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the files that were named."""
    files = config.getoption("--clearprop-check")
    items.extend(CheckedFile.from_parent(session, name=text) for text in files)


class CheckedFile(pytest.Item):
    """A file whose hand-written backward passes are checked."""

    def runtest(self) -> None:
        """Check it in a process of its own."""
        from clearprop.check.isolation import check_file_isolated
        from clearprop.check.reports.terminal import as_text
        from clearprop.cli.files import split_name
        from clearprop.errors import OptionError

        try:
            path, name = split_name(self.name)
            report = check_file_isolated(path, names=(name,) if name else ())
            wrong = "" if report.ok else as_text(report)
            _note(self, report.judgements)
        except OptionError as error:
            wrong = str(error)
        if wrong:
            pytest.fail(wrong, pytrace=False)

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Where it is, for the list of tests."""
        return self.name, None, f"clearprop check {self.name}"


def _note(item: pytest.Item, judgements: Iterable[Any]) -> None:
    """Keep with a test, for the summary, which lines no probe came to."""
    for judgement in judgements:
        for lines in getattr(judgement, "unjudged", ()):
            from clearprop.check.reports.words import not_run

            item.user_properties.append((_NOT_JUDGED, f"{judgement.name}: {not_run(lines)}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the lines of backward passes that passed without having been run."""
    passed = terminalreporter.stats.get("passed", ())
    told = [text for report in passed for key, text in report.user_properties if key == _NOT_JUDGED]
    if told:
        terminalreporter.section("backward passes that were judged in part")
    for text in told:
        terminalreporter.line(f"not judged: {text}")


def pytest_report_header(config: pytest.Config) -> Iterator[str]:
    """Say that files are executed, where some were named."""
    files = config.getoption("--clearprop-check")
    if files:
        yield f"clearprop: checks {', '.join(files)}, which are executed"
