"""What pages cost: written in Python, opened and stepped in Chromium. Medians, in milliseconds.

python benchmarks/pages.py [path of chromium]
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import clearprop as cp


def chain(length):
    """A loop with two operations in each step, whose argument is used in all of them."""

    def f(x, y):
        z = x * y
        for _ in range(length):
            z = np.sin(z) + x
        return z

    return f


def written(graph, runs):
    """Write a page some times: (first, median of the others) by the clock, and of the processor."""
    clock, processor = [], []
    for _ in range(runs):
        gradients = graph.backward()
        t, p = time.perf_counter(), time.process_time()
        page = gradients.to_html()
        clock.append(1e3 * (time.perf_counter() - t))
        processor.append(1e3 * (time.process_time() - p))
    later = slice(1, None) if runs > 1 else slice(None)
    return page, clock[0], statistics.median(clock[later]), statistics.median(processor[later])


STEPS = """() => {
    const slider = document.getElementById('moment'), times = [];
    for (let m = 1; m <= Math.min(Number(slider.max), 400); m++) {
        const t = performance.now();
        slider.value = m;
        slider.dispatchEvent(new Event('input'));
        document.body.getBoundingClientRect();  // style and layout, too
        times.push(performance.now() - t);
    }
    times.sort((a, b) => a - b);
    return [times[Math.floor(times.length / 2)], times[Math.floor(times.length * 0.99)]];
}"""


def main():
    """Print a table."""
    from playwright.sync_api import sync_playwright

    path = sys.argv[1] if len(sys.argv) > 1 else shutil.which("chromium")
    print("nodes   kB  first  later  (cpu)  opened  step  (99 %)")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for length, runs in ((5, 9), (24, 9), (250, 3), (2500, 2)):
            graph = cp.trace(chain(length), 0.5, 2.0)
            html, first, later, processor = written(graph, runs)
            file = Path(folder) / f"{length}.html"
            file.write_text(html, encoding="utf-8")
            page = browser.new_page()
            opened = []
            for _ in range(3):
                t = time.perf_counter()
                page.goto(file.as_uri())
                page.wait_for_selector("html[data-ready]", state="attached")
                opened.append(1e3 * (time.perf_counter() - t))
            median, slowest = page.evaluate(STEPS)
            print(
                f"{len(graph):5} {len(html.encode()) / 1e3:4.0f} {first:6.0f} {later:6.0f} "
                f"{processor:6.0f} {statistics.median(opened):7.0f} {median:5.1f} {slowest:7.1f}"
            )
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
