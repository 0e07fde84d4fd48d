#!/usr/bin/env -S python3 -B
"""How wrong ssebomb's TTFT and gap are, against what the mock server really did.

    perf/accuracy.py [--streams N] [--rate N] [--tokens N] [--connect-rate N] [--itl SPEC]

Every stream is one request that runs to its end, and nothing is warm-up, so that both sides have
exactly the same requests and gaps in their histograms. The mock has its times from the kernel's
stamp of the request's last byte and from the clock just before each send. One CPU each; connects
are spread over some seconds, because a burst of them would delay the server itself.
"""

import argparse
import json
import os
import subprocess

import harness

BARS_MS = {"p50": 0.3, "p99": 1.0}
METRICS = ["ttft", "gap"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=50, help="events per second and stream")
    parser.add_argument("--tokens", type=int, default=500, help="events per stream")
    parser.add_argument("--connect-rate", type=float, default=200)
    parser.add_argument("--ttft", default="lognormal:200ms,0.3")
    parser.add_argument("--itl", help="distribution of the gaps instead of a constant one")
    return parser.parse_args()


def measure(options):
    """The client's result file and the server's truth of one run."""
    server_cpu, client_cpu = harness.two_cpus()
    gap = options.itl or f"{1000 / options.rate:g}ms"
    shape = ["--ttft", options.ttft, "--itl", gap, "--tokens", options.tokens]
    os.makedirs(harness.OUT, exist_ok=True)
    path = os.path.join(harness.OUT, "accuracy.json")
    load = ["-c", options.streams, "-n", options.streams, "--connect-rate", options.connect_rate]
    with harness.mock(*shape, cpu=server_cpu) as server:
        url = server.base + harness.CHAT
        command = harness.client_command(url, *load, "-q", "-o", path, cpu=client_cpu)
        limit = options.streams / options.connect_rate + 3 * options.tokens / options.rate + 60
        command = [str(word) for word in command]
        subprocess.run(command, stdout=subprocess.DEVNULL, timeout=limit, check=True)
        truth = server.finish()
    with open(path, encoding="utf-8") as file:
        return json.load(file), truth


def main():
    options = arguments()
    harness.require_binary()
    result, truth = measure(options)
    rows, met = [], True
    for metric in METRICS:
        seen, real = result["metrics"][metric], truth["metrics"][metric]
        if seen["count"] != real["count"]:
            print(f"{metric}: the client has {seen['count']} samples, the server {real['count']}")
            met = False
        for percentile, bar in BARS_MS.items():
            reported, true = seen[percentile] / 1e6, real[percentile] / 1e6
            error = abs(reported - true)
            met = met and error <= bar
            cells = [f"{reported:.3f}", f"{true:.3f}", f"{reported - true:+.3f}", f"{bar:g}"]
            rows.append([f"{metric} {percentile}", *cells, harness.within(error, bar)])
    harness.table(["milliseconds", "reported", "true", "error", "bar", ""], rows)
    coalesced = result["counts"]["coalesced"]
    print(f"coalesced gaps: {json.dumps(coalesced)}, of {result['metrics']['gap']['count']}")
    return met


if __name__ == "__main__":
    harness.run(main)
