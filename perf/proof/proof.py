#!/usr/bin/env -S python3 -B
"""Every event of a run against the log of the server that sent it, one by one.

    perf/proof/proof.py [--streams N] [--rate N] [--events N] [--clock monotonic|real]
                        [--shape raw|chat]

Runs ssebomb with --sent-at and --event-log against server.py, which shares no code with it: once
with the client's core to itself, once with a process on that core that never stops computing. On
loopback the kernel stamps an event as received within the server's call of send, so the two clock
readings around that call say when it arrived: an event whose stamp is its own must lie between
them, and one that shares its read at most its window_ns later. An event's error is how far its
arrival lies outside; a gap's is the gap of arrivals minus the gap of the readings before the sends.
"""

import argparse
import bisect
import contextlib
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import harness  # noqa: E402

# How far the offset between real time, which the kernel stamps with, and the monotonic clock may be
# off: the engine gives one up only when a reading of at most 2 microseconds' width excludes it.
CLOCK_NS = 2_000
# Bars of gap errors with the client's core to itself, nanoseconds.
GAP_BARS = {50: 20_000, 99: 200_000}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--rate", type=float, default=200, help="events per second and stream")
    parser.add_argument("--events", type=int, default=2000, help="events per stream")
    parser.add_argument("--clock", choices=["monotonic", "real"], default="monotonic")
    parser.add_argument("--shape", choices=["raw", "chat"], default="raw")
    return parser.parse_args()


def lines(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]


def run(options, stolen):
    """The client's event log and result, the server's log, and the share of the client's core that
    another process took, of one run."""
    server_cpu, client_cpu = harness.two_cpus()
    os.makedirs(harness.OUT, exist_ok=True)
    paths = {name: os.path.join(harness.OUT, f"proof-{name}") for name in ["server", "events"]}
    result = os.path.join(harness.OUT, "proof-result.json")
    gap = 1000 / options.rate
    server = [
        sys.executable, "-B", os.path.join(HERE, "server.py"), "--log", paths["server"],
        "--events", options.events, "--gap", gap, "--cpu", server_cpu, "--clock", options.clock,
        "--shape", options.shape,
    ]
    client = [
        harness.BINARY, "-q", "-c", options.streams, "-n", options.streams, "-t", 1,
        "--cpus", client_cpu, "--sent-at", "sent_at", "--event-log", paths["events"],
        "--event-log-streams", options.streams, "-o", result,
        # Spreads the streams' schedules over one gap, as those of independent users would be.
        "--connect-rate", options.streams * options.rate,
    ]
    if options.shape == "raw":
        client += ["--api", "raw"]
    limit = 3 * options.events / options.rate + 60
    with harness.process(server, stdout=subprocess.PIPE, text=True) as child:
        url = child.stdout.readline().split()[-1]
        command = [str(word) for word in [*client, url]]
        with competitor(client_cpu, limit) if stolen else contextlib.nullcontext() as thief:
            time.sleep(0.2)
            taken, start = harness.cpu_ns(thief.pid) if thief else 0, time.monotonic_ns()
            subprocess.run(command, stdout=subprocess.DEVNULL, timeout=limit, check=True)
            taken = harness.cpu_ns(thief.pid) - taken if thief else 0
            share = taken / (time.monotonic_ns() - start)
        harness.stop(child)
    with open(result, encoding="utf-8") as file:
        return lines(paths["events"]), json.load(file), lines(paths["server"]), share


def competitor(cpu, seconds):
    """A process that computes on one CPU and nothing else; it ends by itself after a while."""
    code = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
    return harness.process(["taskset", "-c", cpu, sys.executable, "-c", code])


class Sent:
    """The server's log, asked by the time that an event carries."""

    def __init__(self, entries, clock):
        self.entries = sorted(entries, key=lambda entry: entry["before_ns"])
        if clock == "monotonic":
            # Comes back as it is.
            self.times = [entry["before_ns"] for entry in self.entries]
            self.slack = 0
        else:
            # Comes back carried over by the client's offset, which is not quite the server's.
            offset = harness.median(entry["real_ns"] - entry["before_ns"] for entry in entries)
            self.times = [entry["real_ns"] - offset for entry in self.entries]
            self.slack = CLOCK_NS

    def find(self, sent):
        """The one event that was sent at that time, or None."""
        low = bisect.bisect_left(self.times, sent - self.slack)
        high = bisect.bisect_right(self.times, sent + self.slack)
        return self.entries[low] if high - low == 1 else None


class Comparison:
    """Each logged event beside the server's."""

    def __init__(self, logged, sent):
        self.matched = []
        self.unmatched = 0
        streams = {}
        for event in logged:
            if event["sent_ns"] is None:
                # The end marker of a chat carries no time.
                continue
            entry = sent.find(event["sent_ns"])
            if entry is None:
                self.unmatched += 1
                continue
            self.matched.append((event, entry))
            key = (event["stream"], event["request"])
            streams.setdefault(key, []).append((event, entry))
        self.streams = list(streams.values())
        self.missing = len(sent.entries) - len(self.matched)
        self.out_of_order = sum(not in_order(stream) for stream in self.streams)

    def outside(self):
        """How far each arrival with a stamp of its own lies outside of its send call."""
        return [
            max(0, event["at_ns"] - entry["after_ns"], entry["before_ns"] - event["at_ns"])
            for event, entry in self.matched if event["window_ns"] == 0
        ]

    def late(self):
        """How far the stamp of each event that shares its read lies behind its send call."""
        return [
            max(0, event["at_ns"] - entry["after_ns"])
            for event, entry in self.matched if event["window_ns"] > 0
        ]

    def broken(self):
        """Events that can't have arrived within [at_ns - window_ns, at_ns]."""
        return sum(
            event["at_ns"] + CLOCK_NS < entry["before_ns"]
            or event["at_ns"] - event["window_ns"] - CLOCK_NS > entry["after_ns"]
            for event, entry in self.matched
        )

    def gaps(self, own):
        """Errors of gaps; those between two stamps of their own only, or all the others."""
        errors = []
        for stream in self.streams:
            for (first, sent), (second, resent) in zip(stream, stream[1:]):
                is_own = first["window_ns"] == 0 and second["window_ns"] == 0
                if is_own == own:
                    true = resent["before_ns"] - sent["before_ns"]
                    errors.append(abs(second["at_ns"] - first["at_ns"] - true))
        return errors


def in_order(stream):
    """Whether a stream of the client is one of the server's, whole and in order."""
    return (
        len({entry["stream"] for _, entry in stream}) == 1
        and [entry["event"] for _, entry in stream] == list(range(1, len(stream) + 1))
        and [event["event"] for event, _ in stream] == list(range(1, len(stream) + 1))
    )


def percentile(values, share):
    """The least value that `share` percent of the values don't exceed."""
    return sorted(values)[max(0, -(-len(values) * share // 100) - 1)]


def row(name, values):
    if not values:
        return [name, 0, "-", "-", "-"]
    figures = [percentile(values, 50), percentile(values, 99), max(values)]
    return [name, f"{len(values):,}", *(f"{figure / 1000:,.1f}" for figure in figures)]


def report(title, compared, result, sent):
    """Prints one run's tables; returns whether what must hold on any machine does."""
    counts = result["counts"]
    print(f"\n{title}")
    print(
        f"  events sent {len(sent.entries):,}, matched {len(compared.matched):,}, missing"
        f" {compared.missing:,}, unmatched {compared.unmatched:,}, lost by the log"
        f" {counts['event_log']['lost']:,}; streams out of order {compared.out_of_order:,}"
    )
    outside, late = compared.outside(), compared.late()
    brackets = [entry["after_ns"] - entry["before_ns"] for entry in sent.entries]
    one_way = [event["one_way_ns"] for event, _ in compared.matched]
    rows = [
        row("one_way, as reported", one_way),
        row("the server's send calls", brackets),
        row("error of an event with its own stamp", outside),
        row("error of an event that shares its read", late),
        row("error of a gap between own stamps", compared.gaps(True)),
        row("error of a gap of a shared read", compared.gaps(False)),
    ]
    lag = result["metrics"]["delivery_lag"]
    figures = [f"{lag[name] / 1000:,.1f}" for name in ["p50", "p99", "max"]]
    rows.append(["delivery_lag: read behind arrival", f"{lag['count']:,}", *figures])
    harness.table(["microseconds", "n", "p50", "p99", "max"], rows)
    exact = sum(error == 0 for error in outside)
    broken = compared.broken()
    own = len(outside) / max(1, len(compared.matched))
    print(
        f"  {own:.2%} of the events have a stamp of their own, of which"
        f" {exact / max(1, len(outside)):.3%} lie within the send call; {broken:,} events lie"
        " outside of what their window says"
    )
    told = result["metrics"]["one_way"]["count"] == counts["sent_at"]["read"]
    return (
        told and broken == 0 and compared.missing == 0 and compared.unmatched == 0
        and compared.out_of_order == 0 and max(outside, default=0) <= CLOCK_NS
    )


def main():
    options = arguments()
    harness.require_binary()
    total = options.streams * options.rate
    print(
        f"{options.streams} streams x {options.rate:g} events/s ({total:,.0f}/s),"
        f" {options.events} events each, {options.clock} clock, {options.shape}"
    )
    met = True
    titles = ["the client's core shared with nobody", "with a process that never stops computing"]
    for title, stolen in zip(titles, [False, True]):
        logged, result, log, share = run(options, stolen)
        sent = Sent(log, options.clock)
        compared = Comparison(logged, sent)
        met = report(f"{title} ({share:.0%})", compared, result, sent) and met
        verdict = result["verdict"]
        codes = ", ".join(reason["code"] for reason in verdict["reasons"])
        print(f"  verdict: {verdict['state']}{codes and ': ' + codes}")
        if not stolen:
            errors = compared.gaps(True) + compared.gaps(False)
            for share, bar in GAP_BARS.items():
                error = percentile(errors, share)
                met = met and error <= bar
                print(
                    f"  gap error p{share} {error / 1000:.1f} us, bar {bar / 1000:g}:"
                    f" {harness.within(error, bar)}"
                )
    return met


if __name__ == "__main__":
    harness.run(main)
