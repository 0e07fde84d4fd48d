#!/usr/bin/env -S python3 -B
"""What the kernel's receive stamps are good for: `--clock kernel` beside `--clock user`.

    perf/clocks.py [--pairs N] [--streams N] [--rate N] [--tokens N]

The same load with either clock, taking turns: alone, and with a process that never rests on the
client's CPU. Server and client have a CPU each. The truth is the mock's own record, as in
accuracy.py. There is no bar: the table is what docs/CLOCKS.md shows.
"""

import argparse
import contextlib
import sys

import harness

PERCENTILES = ["p50", "p99", "max"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="events per second and stream")
    parser.add_argument("--tokens", type=int, default=200, help="events per stream")
    return parser.parse_args()


def spinner():
    """A process that never rests, on the client's CPU."""
    _, cpu = harness.two_cpus()
    code = f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    return harness.process([sys.executable, "-c", code])


def measure(clock, is_contended, options):
    """Errors in milliseconds by metric and percentile, and the verdict's state."""
    shape = ["--itl", f"{1000 / options.rate:g}ms", "--tokens", options.tokens]
    load = ["-c", options.streams, "-n", options.streams, "--connect-rate", 200, "--clock", clock]
    seconds = options.streams / 200 + 3 * options.tokens / options.rate + 60
    with spinner() if is_contended else contextlib.nullcontext():
        result, truth = harness.run_beside_mock(shape, load, seconds)
    errors = {
        (metric, name): (result["metrics"][metric][name] - truth["metrics"][metric][name]) / 1e6
        for metric in ["ttft", "gap"]
        for name in PERCENTILES
    }
    return errors, result["verdict"]["state"]


def main():
    options = arguments()
    harness.require_binary()
    runs = {}
    for _ in range(options.pairs):
        for is_contended in [False, True]:
            for clock in ["kernel", "user"]:
                runs.setdefault((is_contended, clock), []).append(
                    measure(clock, is_contended, options)
                )
    head = ["error in ms", *(f"{m} {p}" for m in ["ttft", "gap"] for p in PERCENTILES), "verdict"]
    rows = []
    for (is_contended, clock), measured in runs.items():
        cells = [
            f"{harness.median([errors[key] for errors, _ in measured]):+.3f}"
            for key in measured[0][0]
        ]
        states = "/".join(sorted({state for _, state in measured}))
        place = "beside a spinning process" if is_contended else "alone"
        rows.append([f"{clock}, {place}", *cells, states])
    harness.table(head, rows)
    return True


if __name__ == "__main__":
    harness.run(main)
