"""`clearprop serve`: what it prints, where it listens, how it ends."""

from __future__ import annotations

import builtins
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clearprop
from clearprop.cli import app
from clearprop.serve import serving
from clearprop.serve.serving import listen

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(clearprop.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "clearprop", "serve", "--no-browser"]


def test_it_listens_on_the_loopback_alone() -> None:
    with listen(0) as taken:
        assert taken.getsockname()[0] == "127.0.0.1"


def test_there_is_no_option_for_another_address() -> None:
    for words in (["--host", "0.0.0.0"], ["--bind", "0.0.0.0"]):
        assert CliRunner().invoke(app, ["serve", *words]).exit_code == 2


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(app, ["serve", "--no-browser", "--port", str(port)])
    assert result.exit_code == 2
    assert f"--port {port}: it cannot be listened on" in result.stderr
    assert "--port 0 for a free one" in result.stderr


@pytest.mark.parametrize("name", ["starlette", "uvicorn"])
def test_a_missing_extra_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(app, ["serve", "--no-browser"])
    assert result.exit_code == 2
    assert f"serve: {name}" in result.stderr
    assert "Write instead: pip install 'clearprop[serve]'" in result.stderr


def test_the_browser_is_told_the_address_in_a_file_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody on the machine can read the command line of the browser."""
    opened: list[str] = []
    monkeypatch.setattr(serving.webbrowser, "open", opened.append)
    monkeypatch.setattr(serving.threading, "Thread", Now)
    serving._open("http://127.0.0.1:1/?token=secret&x=1", str(tmp_path))
    file = tmp_path / "playground.html"
    assert opened == [file.as_uri()]
    assert "secret" not in opened[0]
    assert "url=http://127.0.0.1:1/?token=secret&amp;x=1" in file.read_text(encoding="utf-8")
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0


class Now:
    """A thread that runs when it is started."""

    def __init__(self, target: Any, args: list[Any], daemon: bool) -> None:
        self.run = lambda: target(*args)

    def start(self) -> None:
        self.run()


def test_formulas_need_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def guarded(name: str, *rest: Any, **options: Any) -> Any:
        assert name.partition(".")[0] not in ("starlette", "uvicorn")
        return imported(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", guarded)
    assert CliRunner().invoke(app, ["explain", "x**2", "x=3"]).exit_code == 0


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_it_serves_until_ctrl_c_and_takes_its_process_with_it() -> None:
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.fullmatch(
                r"The playground: (http://127\.0\.0\.1:(\d+))/\?token=(.+)\n", line
            )
            assert found is not None
            origin, port, token = found.groups()
            assert len(token) >= 40
            headers = {
                "X-Clearprop-Token": token, "Origin": origin, "Content-Type": "application/json",
            }  # fmt: skip
            connection = http.client.HTTPConnection("127.0.0.1", int(port))
            body = '{"text": "x ** 2", "values": {"x": "3"}, "tab": "t", "number": 1}'
            connection.request("POST", "/formula", body, headers)
            assert b'"result":"9"' in connection.getresponse().read()
            connection.close()
            stream = http.client.HTTPConnection("127.0.0.1", int(port))
            stream.request("GET", "/room", headers=headers)  # a stream has no end of its own
            events = stream.getresponse()
            assert events.readline().startswith(b"event: ")
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            workers = children.read_text().split() if children.exists() else []
            process.send_signal(signal.SIGINT)
            code = process.wait()
            errors = process.stderr.read()
            events.close()
            stream.close()
        finally:
            process.kill()
    assert code in (0, 130)
    assert token not in errors
    assert "Traceback" not in errors
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
