"""The process that computes formulas: a request a line comes in, an answer a line goes out.

It has limits of memory and of processor time, and whoever started it has a clock; a formula that
found a way past the limits of its language would end this process and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from clearprop.check.worker import set_limits
from clearprop.serve.answering import answer

MEGABYTES = 1024
_SECONDS = 3600  # of processor time, in the whole life of the process


def main() -> int:
    """Answer until nobody asks any more."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what something prints is no answer
    set_limits(MEGABYTES, _SECONDS)
    _send(out, {"ready": True})
    for line in sys.stdin.buffer:
        try:
            found = answer(json.loads(line))
        except MemoryError:
            found = {"error": {"message": "The formula needs too much memory."}}
        except Exception as error:  # a mistake of ours must not end the conversation
            what = f"clearprop itself failed: {type(error).__name__}: {str(error)[:300]}"
            found = {"error": {"message": what}}
        _send(out, found)
    return 0


def _send(out: Any, found: dict[str, Any]) -> None:
    out.write(json.dumps(found).encode("ascii") + b"\n")
    out.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        sys.exit(main())
