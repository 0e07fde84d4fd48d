#!/usr/bin/env -S python3 -B
"""How wrong ssebomb's TTFT and gap are, against what the mock server really did.

    perf/accuracy.py [--streams N] [--rate N] [--tokens N] [--requests N] [--ttft SPEC] [--itl SPEC]

1,000 streams x 100 events/s, TTFT 50 ms, 100 tokens: each stream asks again as soon as its answer
has ended. Every request runs to its end, and nothing is warm-up, so that both sides have the same
requests and gaps in their histograms. The mock has its times from the kernel's stamp of the
request's last byte and from the clock just before each send. One CPU each.
"""

import argparse
import json

import harness

BARS_MS = {"p50": 0.2, "p99": 1.0}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100, help="events per second and stream")
    parser.add_argument("--tokens", type=int, default=100, help="events per request")
    parser.add_argument("--requests", type=int, help="in all (default: 10 a stream)")
    parser.add_argument("--connect-rate", type=float, default=500)
    parser.add_argument("--ttft", default="50ms")
    parser.add_argument("--itl", help="distribution of the gaps instead of a constant one")
    return parser.parse_args()


def main():
    options = arguments()
    harness.require_binary()
    requests = options.requests or 10 * options.streams
    gap = options.itl or f"{1000 / options.rate:g}ms"
    shape = ["--ttft", options.ttft, "--itl", gap, "--tokens", options.tokens]
    load = ["-c", options.streams, "-n", requests, "--connect-rate", options.connect_rate]
    seconds = 3 * requests / options.streams * (1 + options.tokens / options.rate) + 60
    result, truth = harness.run_beside_mock(shape, load, seconds)
    rows, met = harness.errors(result["metrics"], truth["metrics"], BARS_MS)
    harness.table(harness.ERRORS_HEAD, rows)
    coalesced = json.dumps(result["counts"]["coalesced"])
    print(f"coalesced gaps: {coalesced}, of {result['metrics']['gap']['count']}")
    print(f"events: {result['rates']['events']:.0f} a second; {harness.verdict_text(result)}")
    slips = truth["counts"]["schedule_slips"]
    print(f"times that the mock fell behind its own schedule: {slips}")
    return met


if __name__ == "__main__":
    harness.run(main)
