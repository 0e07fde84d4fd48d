#!/usr/bin/env -S python3 -B
"""CPU per event of ssebomb against the bare C drain, on the same server, and what measuring costs.

    perf/cost.py [--tls] [--pairs N] [--streams N] [--rate N] [--settle S] [--window S]

The mock runs on one CPU, the client on another. The clients take turns, so that a machine whose
speed drifts treats them alike. Events are counted by the server: the difference of two /stats over
the window. CPU time is the kernel's account of the client's threads over the same window. The bar
applies to the drain that asks for receive stamps, as ssebomb does; the one without is shown too.
`ssebomb --clock user` is the same run without stamps, delivery lag and stamp windows.
"""

import argparse
import subprocess
import time

import harness

BAR = 1.10
MEASURING_BAR = 1.07
# TLS at half the rate: the mock encrypts on one CPU what the client decrypts on another.
RATE, TLS_RATE = 20, 10


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--rate", type=float, help="events per second and stream")
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--window", type=float, default=6)
    options = parser.parse_args()
    options.rate = options.rate or (TLS_RATE if options.tls else RATE)
    return options


def drain(*flags):
    return lambda server, streams, cpu: harness.drain_command(server, streams, cpu, *flags)


def ssebomb(*flags):
    return lambda server, streams, cpu: harness.load_command(server, streams, [cpu], *flags)


CLIENTS = {
    "drain": drain(),
    "drain --stamps": drain("--stamps"),
    "ssebomb": ssebomb(),
    "ssebomb --clock user": ssebomb("--clock", "user"),
}


def measure(client, options):
    """The measured window of one client."""
    server_cpu, client_cpu = harness.two_cpus()
    total = options.streams * options.rate
    shape = harness.endless(options.streams, total)
    shape += harness.tls_arguments() if options.tls else []
    with harness.mock(*shape, cpu=server_cpu) as server:
        command = CLIENTS[client](server, options.streams, client_cpu)
        with harness.process(command, stdout=subprocess.DEVNULL) as child:
            server.wait_for_streams(options.streams)
            time.sleep(options.settle)
            window = harness.watch(server, [child], options.window)
    window.require(total)
    return window


def main():
    options = arguments()
    harness.require_binary()
    costs = {client: [] for client in CLIENTS}
    for turn in range(options.pairs):
        for client in CLIENTS:
            window = harness.measured(measure, client, options)
            costs[client].append(window.cost)
            print(
                f"{turn + 1}/{options.pairs} {client:20} {window.cost:7.0f} ns/event"
                f"  {window.rate:8.0f} events/s  busy {window.busy:4.0%}",
                flush=True,
            )
    medians = {client: harness.median(values) for client, values in costs.items()}
    print()
    rows = [
        [client, f"{medians[client]:.0f}", f"{min(values):.0f}", f"{max(values):.0f}"]
        + [f"{medians['ssebomb'] / medians[client]:.3f}"]
        for client, values in costs.items()
    ]
    harness.table(["client", "ns/event", "least", "most", "ssebomb is"], rows)
    met = True
    for client, bar in [("drain --stamps", BAR), ("ssebomb --clock user", MEASURING_BAR)]:
        ratio = medians["ssebomb"] / medians[client]
        met = met and ratio <= bar
        print(f"ssebomb / {client} = {ratio:.3f}, bar {bar:.2f}: {harness.within(ratio, bar)}")
    return met


if __name__ == "__main__":
    harness.run(main)
