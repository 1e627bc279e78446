"""Commands run in this process, and what they answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from clearprop.cli import app


def run(*words: Any, columns: int = 80) -> tuple[int, str, str]:
    environment = {"COLUMNS": str(columns)}
    result = CliRunner().invoke(app, list(map(str, words)), env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def refusal(*words: Any) -> str:
    """What a wrong request is answered: one paragraph, exit code 2, nothing on the screen."""
    code, output, errors = run(*words)
    assert (code, output) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    for part in (" Why: ", " Write instead: "):
        assert errors.count(part) == 1
    return errors


def write_table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def change(path: Path, key: str, **values: Any) -> None:
    """Change a JSON file as if another had written it."""
    content = json.loads(path.read_text())
    (content[key] if key else content).update(values)
    path.write_text(json.dumps(content))
