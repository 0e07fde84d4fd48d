#!/usr/bin/env -S python3 -B
"""Whether an event costs more when there are more streams: one process, the same events a second.

    perf/scaling.py [--loops 1,2] [--streams N,N,...] [--rate N] [--pairs N] [--window S]

The total rate is held by longer gaps, so that what grows is the number of sockets alone. Caches and
the kernel make that dearer for everybody: the C drain at the same numbers shows by how much. The
clients take turns. Beside two loops stand two drains with half of the streams each.

A process may have some 20,000 descriptors where the hard limit isn't raised, so 15,000 streams.
"""

import argparse
import contextlib
import subprocess
import time

import harness

BAR = 1.15
CLIENTS = ["drain --stamps", "ssebomb"]


def numbers(text):
    return sorted(int(word) for word in text.split(","))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--loops", type=numbers, default=[1, 2])
    parser.add_argument("--streams", type=numbers, default=[100, 1000, 5000, 10000, 15000])
    parser.add_argument("--rate", type=float, default=40_000, help="events per second in all")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--window", type=float, default=5)
    options = parser.parse_args()
    if len(options.streams) < 2 or not set(options.loops) <= {1, 2}:
        parser.error("--streams wants at least two numbers, --loops 1, 2 or 1,2")
    return options


def commands(client, server, streams, cpus):
    """The processes that hold `streams` streams on `cpus`."""
    if client == "ssebomb":
        return [harness.load_command(server, streams, cpus)]
    each = streams // len(cpus)
    return [harness.drain_command(server, each, cpu, "--stamps") for cpu in cpus]


def measure(client, streams, loops, options):
    server_cpu, client_cpu = harness.two_cpus()
    cpus = [client_cpu, server_cpu][:loops]
    with contextlib.ExitStack() as stack:
        shape = harness.endless(streams, options.rate)
        server = stack.enter_context(harness.mock(*shape, cpu=server_cpu))
        children = [
            stack.enter_context(harness.process(command, stdout=subprocess.DEVNULL))
            for command in commands(client, server, streams, cpus)
        ]
        server.wait_for_streams(streams)
        # Long enough for each stream to have had an event.
        time.sleep(options.settle + streams / options.rate)
        window = harness.watch(server, children, options.window)
    window.require(options.rate)
    return window.cost


def report(loops, costs, options):
    """Prints the table of one number of loops; returns whether the bar was met."""
    rows, medians = [], {key: harness.median(values) for key, values in costs.items()}
    least, most = options.streams[0], options.streams[-1]
    growth = {}
    for streams in options.streams:
        cells = [streams]
        for client in CLIENTS:
            growth[client] = medians[client, streams] / medians[client, least]
            cells += [f"{medians[client, streams]:.0f}", f"{growth[client]:.3f}"]
        rows.append([*cells, f"{growth['ssebomb'] / growth['drain --stamps']:.3f}"])
    head = ["streams", "drain --stamps ns/event", "growth", "ssebomb ns/event", "growth", "over it"]
    print(f"\n{loops} loop{'s' if loops > 1 else ''}, {options.rate:.0f} events/s in all")
    harness.table(head, rows)
    over = growth["ssebomb"] / growth["drain --stamps"]
    print(
        f"{loops} x loop: from {least} to {most} streams ssebomb grows {over:.3f} times as much as"
        f" the drain, bar {BAR}: {harness.within(over, BAR)}"
    )
    if loops == 2:
        print("The second loop shares its CPU with the server, whose work evicts its caches.")
    return over <= BAR


def main():
    options = arguments()
    harness.require_binary()
    met = True
    for loops in options.loops:
        costs = {(client, streams): [] for streams in options.streams for client in CLIENTS}
        for turn in range(options.pairs):
            for client, streams in [(c, s) for s in options.streams for c in CLIENTS]:
                cost = harness.measured(measure, client, streams, loops, options)
                costs[client, streams].append(cost)
                print(
                    f"{turn + 1}/{options.pairs} {loops} x loop {streams:6} streams"
                    f" {client:15} {cost:7.0f} ns/event",
                    flush=True,
                )
        met = report(loops, costs, options) and met
    return met


if __name__ == "__main__":
    harness.run(main)
