"""What became of a run, as far as it decides what to do with it next."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from clearprop.errors import RunError

if TYPE_CHECKING:
    from clearprop.train import Run


def was_interrupted(run: Run) -> bool:
    """Whether a run was ended by a signal or killed, so that it can go on; or it is still going."""
    with suppress(RunError):
        return run.ended is None or run.ended.startswith("SIG")
    return False


def failed_by_numbers(run: Run) -> bool:
    """Whether a run ended as a loss or a parameter was NaN or infinite."""
    with suppress(RunError):
        ended = run.ended or ""
        return bool(re.match(r"train: .*\b(nan|inf|NaN|infinity)\b", ended))
    return False


def told_before_predicting(run: Run) -> str:
    """Say what is to be known of a run whose weights are used; nothing of one that is finished."""
    from clearprop.cli.screen import command
    from clearprop.cli.train_texts import calmer_command

    if failed_by_numbers(run):
        return (
            f"warning: this run ended as its numbers were no longer finite, after "
            f"{run.iterations:,} iterations: its weights are of little use. A smaller learning "
            f"rate: {calmer_command(run.path, run.settings.get('lr'))}"
        )
    if was_interrupted(run):
        how = "has not ended" if run.ended is None else "was interrupted"
        return f"This run {how}. It goes on with: {command('train', '--resume', run.path)}"
    return ""
