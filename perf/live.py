#!/usr/bin/env -S python3 -B
"""What the live view costs: CPU time per event with and without it, in pairs.

    perf/live.py [--pairs 5] [--streams 2000] [--rate 20] [--window 5]

With the view standard error is a pseudo-terminal that is read as fast as it is written; without it,
--no-progress. The loops know nothing of the view: what it costs is the coordinator's. The bar is on
the median of the ratios.
"""

import argparse
import json
import os
import pty
import statistics
import subprocess
import tempfile
import threading

import harness

BAR = 1.05


def run(mock, arguments, window, view):
    with tempfile.TemporaryDirectory() as directory:
        file = os.path.join(directory, "result.json")
        command = [harness.BINARY, "-c", str(arguments.streams), "--ramp", "1s", "-d",
                   f"{window}s", "--drain", "0", "-t", "1", "--cpus", "0", "-o", file,
                   "--threshold", "gap:p99<10s", "--body",
                   '{"stream":true,"max_tokens":100000,"messages":[]}',
                   f"{mock}/v1/chat/completions"]
        environment = {name: text for name, text in os.environ.items() if name != "CI"}
        environment["TERM"] = "xterm-256color"
        if view:
            lead, follow = pty.openpty()
            reader = threading.Thread(target=drain, args=(lead,), daemon=True)
            reader.start()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=follow, env=environment)
            os.close(follow)
        else:
            subprocess.run([*command, "--no-progress"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, env=environment)
        with open(file, encoding="utf-8") as text:
            result = json.load(text)
        return result["client"]["cpu_ns_per_event"], result["metrics"]["delivery_lag"]["p99"]


def drain(descriptor):
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--window", type=int, default=5)
    arguments = parser.parse_args()
    harness.require_binary()
    flags = ["--ttft", "50ms", "--itl", f"{1000 / arguments.rate}ms", "--tokens", "100000"]
    ratios = []
    with harness.mock(*flags, cpu=1) as server:
        mock = server.base
        for pair in range(arguments.pairs):
            (with_view, lag), (without, plain_lag) = (
                run(mock, arguments, arguments.window, True),
                run(mock, arguments, arguments.window, False),
            )
            ratios.append(with_view / without)
            print(f"pair {pair + 1}: {with_view:.0f} ns an event with the view, {without:.0f} without;"
                  f" delivery_lag p99 {lag / 1e3:.0f} and {plain_lag / 1e3:.0f} us")
    ratio = statistics.median(ratios)
    print(f"with / without = {ratio:.3f}, bar {BAR:.2f}: {harness.within(ratio, BAR)}")
    return ratio <= BAR


if __name__ == "__main__":
    harness.run(main)
