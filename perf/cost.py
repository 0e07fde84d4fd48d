#!/usr/bin/env -S python3 -B
"""CPU per event of ssebomb against the bare C drain, on the same server.

    perf/cost.py [--pairs N] [--streams N] [--rate N] [--settle S] [--window S]

The mock runs on one CPU, the client on another. The clients take turns, so that a machine whose
speed drifts treats them alike. Events are counted by the server: the difference of two /stats over
the window. CPU time is the kernel's account of the client's threads over the same window. The bar
applies to the drain that asks for receive stamps, as ssebomb does; the one without is shown too.
"""

import argparse
import subprocess
import time

import harness

BAR = 1.15
CLIENTS = ["drain", "drain --stamps", "ssebomb"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--streams", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=20, help="events per second and stream")
    parser.add_argument("--settle", type=float, default=3)
    parser.add_argument("--window", type=float, default=10)
    return parser.parse_args()


def request_file(port):
    """The request that ssebomb sends, for the drain."""
    with open(harness.BODY, "rb") as file:
        body = file.read()
    head = (
        f"POST {harness.CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\nAccept: text/event-stream\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    path = f"{harness.OUT}/request"
    with open(path, "wb") as file:
        file.write(head.encode() + body)
    return path


def command(client, server, options, cpu, drain):
    # Longer than settling and window together: the script ends the client itself.
    seconds = options.streams / 5000 + options.settle + options.window + 30
    if client == "ssebomb":
        url = server.base + harness.CHAT
        load = ["-c", options.streams, "-d", f"{seconds:.0f}s", "--drain", 0, "-q"]
        return harness.client_command(url, *load, cpu=cpu)
    stamps = ["--stamps"] if client.endswith("--stamps") else []
    limits = ["--settle", seconds, "--window", 1]
    where = ["127.0.0.1", server.port, request_file(server.port)]
    return [drain, "--streams", options.streams, "--cpu", cpu, *limits, *stamps, *where]


def measure(client, options, drain):
    """CPU nanoseconds per event, events per second and busy share of one client."""
    server_cpu, client_cpu = harness.two_cpus()
    gap = f"{1000 / options.rate:g}ms"
    shape = ["--ttft", "10ms", "--itl", gap, "--tokens", 100_000_000]
    with harness.mock(*shape, cpu=server_cpu) as server:
        with harness.process(
            command(client, server, options, client_cpu, drain), stdout=subprocess.DEVNULL
        ) as child:
            server.wait_for_streams(options.streams)
            time.sleep(options.settle)
            events, cpu, start = server.events(), harness.cpu_ns(child.pid), time.monotonic()
            time.sleep(options.window)
            if child.poll() is not None:
                raise harness.Failed(f"{client} ended early, status {child.returncode}")
            events = server.events() - events
            cpu = harness.cpu_ns(child.pid) - cpu
            elapsed = time.monotonic() - start
    asked = options.streams * options.rate * elapsed
    if events < 0.95 * asked:
        raise harness.Failed(f"the mock sent {events} of {asked:.0f} events: it is the bottleneck")
    return cpu / events, events / elapsed, cpu / 1e9 / elapsed


def main():
    options = arguments()
    harness.require_binary()
    drain = harness.compiled("drain.c")
    costs = {client: [] for client in CLIENTS}
    for turn in range(options.pairs):
        for client in CLIENTS:
            cost, rate, busy = measure(client, options, drain)
            costs[client].append(cost)
            print(
                f"{turn + 1}/{options.pairs} {client:15} {cost:7.0f} ns/event"
                f"  {rate:8.0f} events/s  busy {busy:4.0%}",
                flush=True,
            )
    medians = {client: harness.median(values) for client, values in costs.items()}
    print()
    rows = [
        [
            client,
            f"{medians[client]:.0f}",
            f"{min(costs[client]):.0f}",
            f"{max(costs[client]):.0f}",
            f"{medians['ssebomb'] / medians[client]:.3f}",
        ]
        for client in CLIENTS
    ]
    harness.table(["client", "ns/event", "least", "most", "ssebomb is"], rows)
    ratio = medians["ssebomb"] / medians["drain --stamps"]
    print(f"ssebomb / drain --stamps = {ratio:.3f}, bar {BAR}: {harness.within(ratio, BAR)}")
    return ratio <= BAR


if __name__ == "__main__":
    harness.run(main)
