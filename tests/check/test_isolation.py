"""A file that loops, crashes, forks or prints without end leaves the rest of the report intact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sample_reports import large_report

import clearprop
from clearprop.check import wire
from clearprop.check.handwritten.model import CORRECT, FAULT, NOT_JUDGED, FileReport
from clearprop.check.handwritten.options import Drawn, Options
from clearprop.check.isolation import check_file_isolated, check_files_isolated
from clearprop.errors import OptionError

posix_only = pytest.mark.skipif(os.name != "posix", reason="signals and groups of POSIX")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc of Linux")

AROUND = "def first(): return 'correct'\n{}\ndef last(): return 'correct'\n"


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))

    def run(source: str, judge: str = "judge_candidates", **options) -> FileReport:
        path = tmp_path / "theirs.py"
        path.write_text(source, encoding="utf-8")
        limits = {"seconds": 1.0, "judge": f"standing_judge:{judge}", **options}
        return check_file_isolated(path, **limits)

    return run


def ends(report: FileReport) -> dict[str, str]:
    return {j.name: j.reason or j.verdict for j in report.judgements}


def around(reason: str) -> dict[str, str]:
    return {"first": "correct", "bad": reason, "last": "correct"}


def test_a_file_that_does_nothing_wrong(check) -> None:
    report = check(AROUND.format("def bad(): return 'fault'"))
    assert [j.verdict for j in report.judgements] == [CORRECT, FAULT, CORRECT]
    assert list(report.bystanders) == ["helper"]
    assert report.notes == ("a note",)


@pytest.mark.parametrize(
    "body",
    [
        "\n    while True: pass",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "\n  while True:\n    try:\n      while True: pass\n    except BaseException: pass",
    ],
    ids=["busy", "ignores SIGTERM", "catches everything"],
)
def test_an_endless_loop(check, body: str) -> None:
    assert ends(check(AROUND.format(f"def bad(): {body}"))) == around("it did not end within 1 s")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os._exit(0)", "its code ended the process with exit code 0"),
        ("import os; os._exit(7)", "its code ended the process with exit code 7"),
        ("import sys; sys.exit(3)", "SystemExit ended it: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt ended it: "),
        ("return bad()", "RecursionError ended it: "),
    ],
)
def test_a_candidate_that_ends_the_process(check, body: str, reason: str) -> None:
    result = ends(check(AROUND.format(f"def bad(): {body}")))
    assert result.pop("bad").startswith(reason)
    assert result == {"first": "correct", "last": "correct"}


@posix_only
def test_a_crash(check) -> None:
    body = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    reason = "the process was ended by signal 11 (SIGSEGV)"
    assert ends(check(AROUND.format(f"def bad(): {body}"))) == around(reason)


@linux_only
def test_memory(check) -> None:
    report = check(AROUND.format("def bad(): x = bytearray(3 << 30)"), megabytes=1024)
    assert ends(report) == around("it needs more than 1024 MB of memory")


@linux_only
def test_a_file_without_end(check, tmp_path: Path) -> None:
    path = str(tmp_path / "large")
    body = f"""
    import os
    file = open({path!r}, "wb")
    file.truncate(1 << 30)
    file.seek(0, os.SEEK_END)
    try:
        file.write(b"more")
        file.flush()
    except OSError:
        os.close(file.fileno())
        raise SystemExit("too large") from None
    """
    report = check(AROUND.format(f"def bad(): {body}"), seconds=20)
    assert ends(report) == around("SystemExit ended it: too large")


def test_gigabytes_on_stdout_are_read_and_left(check) -> None:
    body = "\n    import os\n    for _ in range(2000): os.write(1, b'x' * 65536)"
    report = check(AROUND.format(f"def bad(): {body}"), seconds=30)
    assert ends(report) == around("correct")


def test_what_it_prints_is_no_report(check) -> None:
    forged = wire.frame({"event": "done"}).decode()
    body = f"import sys; print({forged!r}, flush=True); sys.stderr.write({forged!r})"
    assert ends(check(AROUND.format(f"def bad(): {body}"))) == around("correct")


@posix_only
@pytest.mark.parametrize(
    "body",
    [
        "import os; os.closerange(0, 200)",
        "import os; os.chdir('/')",
        "import numpy as np; np.asarray = np.isfinite = np.ndarray = None",
        "import os, json; os.write = os.open = os.getpid = json.dumps = None",
        "import sys; sys.stdin.read(); sys.stdout = sys.stderr = None",
    ],
    ids=["closes files", "changes directory", "changes numpy", "changes os", "reads stdin"],
)
def test_what_it_does_to_its_process(check, body: str) -> None:
    source = AROUND.format(f"def bad(): {body}\ndef shows(): return SHOWN")
    start = "from sample_reports import affine; SHOWN = affine('layers.py')\n"
    report = check(start + source, seconds=20)
    assert [j.name for j in report.judgements] == ["first", "bad", "shows", "last"]
    assert [j.verdict for j in report.judgements] == [CORRECT, CORRECT, FAULT, CORRECT]
    evidence = report.judgements[2].findings[0].evidence
    assert evidence is not None
    assert evidence.expected.tolist() == [[1.25, 0.0], [1.875, -5.0], [0.5, 14.0]]


@posix_only
def test_a_fork_reports_nothing_twice(check) -> None:
    report = check(AROUND.format("def bad(): import os; os.fork()"), seconds=20)
    assert ends(report) == around("correct")


@linux_only
@pytest.mark.parametrize("escape", ["", "os.setsid()"], ids=["in its group", "out of its group"])
def test_no_process_of_it_is_left(check, tmp_path: Path, escape: str) -> None:
    body = f"""
    import os, time
    for _ in range(5):
        if os.fork() == 0:
            {escape or "pass"}
            open({str(tmp_path)!r} + f"/pid{{os.getpid()}}", "w").close()
            time.sleep(600)
    time.sleep(0.3)
    while True: pass
    """
    assert ends(check(AROUND.format(f"def bad(): {body}")))["bad"] == "it did not end within 1 s"
    numbers = [int(path.name[3:]) for path in tmp_path.glob("pid*")]
    assert len(numbers) == 5
    deadline = time.monotonic() + 20
    while any(is_running(number) for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # dead, and nobody has asked


def test_a_file_whose_statements_do_not_end(check) -> None:
    (judgement,) = check("while True: pass").judgements
    assert judgement.verdict == NOT_JUDGED
    assert judgement.name == "theirs.py"
    assert judgement.reason == "it did not end within 1 s"


def test_a_file_that_loads_only_once(check, tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    source = f"import os\nif os.path.exists({mark!r}): os._exit(1)\nopen({mark!r}, 'w').close()\n"
    report = check(source + AROUND.format("def bad(): os._exit(2)\ndef other(): return 'correct'"))
    assert ends(report) == {
        "first": "correct",
        "bad": "its code ended the process with exit code 2",
        "other": "its code ended the process with exit code 1",
        "last": "its code ended the process with exit code 1",
    }


def test_the_time_of_the_whole_file(check) -> None:
    source = "import time\n" + "".join(f"def f{i}(): time.sleep(600)\n" for i in range(50))
    report = check(source, file_seconds=4)
    reasons = set(ends(report).values())
    assert reasons <= {"it did not end within 1 s", "the time for the whole file, 4 s, was over"}
    assert len(report.judgements) == 50


def test_forged_answers_are_not_believed(check) -> None:
    forge = """
    import sys
    frames = sys._getframe()
    while 'answer' not in frames.f_locals: frames = frames.f_back
    open(frames.f_locals['answer'].path, 'ab').write({!r})
    """
    reason = "what its process sent back cannot be read"
    for message in (b"nonsense, and more of it", b"000000000002\n[]", b"999999999999\n"):
        assert ends(check(AROUND.format(f"def bad(): {forge.format(message)}")))["bad"] in (
            reason,
            "it did not end within 1 s",  # a length that never comes
            "its code ended the process with exit code 0",
        )


def test_a_judge_that_tells_no_plan(check) -> None:
    source = AROUND.format("def bad(): import os; os._exit(1)")
    report = check(source, judge="judge_without_a_plan")
    assert ends(report) == {
        "first": "correct",
        "theirs.py": "its code ended the process with exit code 1",
    }
    assert not report.ok


def test_names_and_options_arrive(check) -> None:
    options = Options({"x": (4, 3)}, {"t": Drawn((4,), 0, 3, "labels"), "a": np.eye(2)}, seed=3)
    source = (
        "def bad(): return 'correct' if OPTIONS.shapes == {'x': (4, 3)} and OPTIONS.seed == 3 "
        "and OPTIONS.values['t'].kind == 'labels' and OPTIONS.values['a'].sum() == 2 else 'fault'"
    )
    report = check(AROUND.format(source), names=("bad",), options=options)
    assert ends(report) == {"bad": "correct"}


@pytest.mark.parametrize("name", ["nobody", "unknown"])
def test_a_name_that_is_not_there(check, name: str) -> None:
    with pytest.raises(OptionError, match=rf"theirs\.py:{name}: it is not there") as error:
        check(AROUND.format(""), names=(name,))
    assert error.value.write == "another name"


def test_several_files_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    requests = []
    for number in range(3):
        path = tmp_path / f"{number}.py"
        path.write_text(f"def f{number}(): return 'correct'")
        requests.append((path, ()))
    judge = "standing_judge:judge_candidates"
    reports = list(check_files_isolated(requests, jobs=2, seconds=5, judge=judge))
    assert [j.name for r in reports for j in r.judgements] == ["f0", "f1", "f2"]


@posix_only
def test_ctrl_c_ends_all_workers(tmp_path: Path) -> None:
    (tmp_path / "loop.py").write_text("def f():\n    import time; time.sleep(600)\n")
    code = (
        "from clearprop.check.isolation import check_files_isolated\n"
        "print('begun', flush=True)\n"
        "list(check_files_isolated([('loop.py', ()), ('loop.py', ())], jobs=2, seconds=500,"
        " judge='standing_judge:judge_candidates'))\n"
    )
    source = Path(clearprop.__file__).parents[1]
    paths = os.pathsep.join([str(source), str(Path(__file__).parents[1])])
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert error.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
    "message",
    [
        {"event": "judgement", "judgement": {"name": "x"}},
        {"event": "report", "report": []},
        {"event": "something"},
        {"event": "judgement", "judgement": 3},
    ],
)
def test_forged_messages_are_refused(check, message: dict) -> None:
    forge = """
    import sys, time
    frames = sys._getframe()
    while 'answer' not in frames.f_locals: frames = frames.f_back
    open(frames.f_locals['answer'].path, 'ab').write({!r})
    time.sleep(600)
    """
    body = forge.format(wire.frame(message))
    report = check(AROUND.format(f"def bad(): {body}"), seconds=60)
    assert ends(report) == around("what its process sent back cannot be read")


# ---- what is sent ----------------------------------------------------------------------------


def test_a_report_survives_the_way() -> None:
    report = large_report()
    sent = wire.parse(wire.frame({"report": wire.encode_report(report)})[13:])
    back = wire.decode_report(sent["report"])
    assert len(back.judgements) == 40
    for ours, theirs in zip(report.judgements, back.judgements, strict=True):
        assert (ours.name, ours.verdict, ours.place) == (theirs.name, theirs.verdict, theirs.place)
        for a, b in zip(ours.findings, theirs.findings, strict=True):
            assert a.sentence == b.sentence
            if a.evidence is not None and a.evidence.found is not None:
                assert b.evidence is not None
                np.testing.assert_array_equal(a.evidence.found, b.evidence.found)
                assert a.evidence.values.keys() == b.evidence.values.keys()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), "passed"),
        (("findings", 0, "cause"), "bad luck"),
        (("findings", 0, "evidence", "expected", "dtype"), "O"),
        (("findings", 0, "evidence", "expected", "shape"), [10**9, 10**9]),
        (("findings", 0, "evidence", "expected", "shape"), [-1, 2]),
        (("place", 1), "12"),
        (("name",), "x" * 1_000_000),
        (("verdict",), "correct"),
    ],
)
def test_what_does_not_fit_is_refused(path: tuple, value: object) -> None:
    entry = wire.encode_judgement(large_report().judgements[0])
    wire.decode_judgement(entry)
    inner = entry
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(wire.WireError):
        wire.decode_judgement(entry)
