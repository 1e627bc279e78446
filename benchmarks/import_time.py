"""What `import clearprop` costs beyond `import numpy`: medians over fresh processes, in turn.

python benchmarks/import_time.py [processes]
"""

import statistics
import subprocess
import sys

TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def milliseconds(module: str) -> float:
    """Import a module in a fresh process."""
    run = [sys.executable, "-c", TIMED.format(module)]
    return 1e3 * float(subprocess.run(run, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    milliseconds("clearprop")  # the bytecode is written once
    both = [(milliseconds("numpy"), milliseconds("clearprop")) for _ in range(processes)]
    numpy, clearprop = (sorted(times) for times in zip(*both, strict=True))
    for name, times in (("numpy", numpy), ("clearprop, NumPy included", clearprop)):
        spread = f"{times[0]:.0f} to {times[-1]:.0f}"
        print(f"import {name}: median {statistics.median(times):.0f} ms ({spread})")
    beyond = statistics.median(clearprop) - statistics.median(numpy)
    print(f"clearprop beyond numpy: {beyond:.0f} ms")


if __name__ == "__main__":
    main()
