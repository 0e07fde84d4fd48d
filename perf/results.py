#!/usr/bin/env -S python3 -B
"""What a run leaves behind: how long report, page and all exports take, how large the result file
is, and whether the client's memory grows with the length of a run.

    perf/results.py [--seconds N] [--streams N] [--only files|requests|time]

files: one run of 60 s with 10,000 streams of 5 events/s, whose latencies and lengths are lognormal,
written in every format, single requests too; then drawn again from its result. requests: the memory
of one run of 200 streams with all outputs and --listen at a high rate, after 20 s and when it has had the requests of an hour at
a sixtieth of that rate. time: that of one run after one minute and after seven, while its time line
gets longer; how far that can go in an hour is bounded in bytes (a unit test of IntervalRecorder
closes 3,600 seconds).
"""

import argparse
import datetime
import json
import os
import subprocess
import tempfile
import time
from typing import NamedTuple

import harness

LATER = 1.0  # seconds
SIZE = 5_000_000  # bytes
GROWTH = 1.05
EXPORTS = ["html", "csv", "markdown", "hlog", "hgrm", "openmetrics", "vllm-json", "aiperf-json",
           "k6-json", "llmd", "junit", "per-request"]
SHAPE = ["--ttft", "lognormal:500ms,0.5", "--itl", "lognormal:200ms,0.5",
         "--tokens", "lognormal:50,0.5"]


def exports(folder, name):
    return [word for export in EXPORTS
            for word in (f"--{export}", os.path.join(folder, f"{name}.{export}"))]


def ended(result):
    """When the run that a result describes was over, in seconds since 1970."""
    started = result["run"]["started_at"].replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(started).timestamp() + result["run"]["length_s"]


def files(streams, seconds):
    server_cpu, client_cpu = harness.two_cpus()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "result.json")
        with harness.mock(*SHAPE, cpu=server_cpu) as server:
            command = harness.client_command(
                server.base + harness.CHAT, "-c", streams, "-d", f"{seconds}s", "--drain", "1s",
                "-q", "-o", path, *exports(folder, "run"), cpu=client_cpu)
            subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=True,
                           timeout=seconds + 60)
            at = time.time()
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        after = at - ended(result)
        size = os.path.getsize(path)
        before = time.monotonic()
        subprocess.run([harness.BINARY, "report", path, *exports(folder, "again")],
                       stdout=subprocess.DEVNULL, check=True, timeout=60)
        again = time.monotonic() - before
        for export in EXPORTS:
            if os.path.getsize(os.path.join(folder, f"again.{export}")) == 0:
                raise harness.Failed(f"--{export} is empty")
    events = result["counts"]["events"]
    print(f"{streams} streams, {seconds} s, {events} events, {len(result['intervals'])} intervals; "
          + harness.verdict_text(result))
    return [
        ["result file and all exports after the end of the run, s", f"{after:.3f}", LATER,
         harness.within(after, LATER)],
        ["report with all exports from the file, s", f"{again:.3f}", LATER,
         harness.within(again, LATER)],
        ["result file, bytes", size, SIZE, harness.within(size, SIZE)],
    ]


def resident_bytes(pid):
    """What the report calls the client's memory."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise harness.Failed("the kernel doesn't say how much memory is resident")


class Look(NamedTuple):
    """One run at one time."""

    resident: int
    private: int
    requests: int


def looks(shape, *seconds):
    """One run of 200 streams, looked at after each of these."""
    server_cpu, client_cpu = harness.two_cpus()
    seen = []
    with (tempfile.TemporaryDirectory() as folder,
          harness.mock(*shape, cpu=server_cpu) as server):
        outputs = ["-o", os.path.join(folder, "result.json"), *exports(folder, "run")]
        command = harness.client_command(
            server.base + harness.CHAT, "-c", 200, "-d", "1h", "--drain", 0, "-q",
            "--listen", "127.0.0.1:0", "--slo", "ttft<1s", *outputs, cpu=client_cpu)
        with harness.process(command, stdout=subprocess.DEVNULL) as client:
            start = time.monotonic()
            for second in seconds:
                time.sleep(max(0, start + second - time.monotonic()))
                if client.poll() is not None:
                    raise harness.Failed(f"ssebomb ended with status {client.returncode}")
                seen.append(Look(resident_bytes(client.pid), harness.private_bytes(client.pid),
                                 server.stats()["counts"]["requests"]))
    return seen


# 10 events/s and 5 s a request, and the same with all times a sixtieth.
MINUTE = ["--ttft", "lognormal:300ms,0.5", "--itl", "lognormal:100ms,0.3", "--tokens", 48]
HOUR = ["--ttft", "lognormal:5ms,0.5", "--itl", "lognormal:1666us,0.3", "--tokens", 48]


def growth(name, before, after):
    ratio = after.resident / before.resident
    for look in (before, after):
        print(f"{name}: {look.resident / 1e6:.2f} MB resident, {look.private / 1e6:.2f} of them "
              f"private, after {look.requests} requests")
    return [[f"memory, {name}, ratio", f"{ratio:.3f}", GROWTH, harness.within(ratio, GROWTH)]]


def of_requests():
    early, late = looks(HOUR, 20, 80)
    hour = 60 * 60 * 200 / 5
    if late.requests < 0.75 * hour:
        raise harness.Failed(f"the mock took {late.requests} requests, not {hour:.0f}")
    return growth("an hour's requests to a quarter's", early, late)


def of_time():
    return growth("seven minutes to one", *looks(MINUTE, 60, 420))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--only", choices=["files", "requests", "time"])
    options = parser.parse_args()
    harness.require_binary()
    parts = {
        "files": lambda: files(options.streams, options.seconds),
        "requests": of_requests,
        "time": of_time,
    }
    rows = []
    for name, part in parts.items():
        if options.only in (None, name):
            rows += part()
    harness.table(["", "measured", "bar", ""], rows)
    return all(row[-1] == "ok" for row in rows)


if __name__ == "__main__":
    harness.run(main)
