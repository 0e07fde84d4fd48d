#!/usr/bin/env -S python3 -B
"""Whether healthy runs are called valid: the demo, again and again.

    perf/false_alarms.py [--runs N]

Each run is `make demo`'s: 1,000 streams on the mock for 10 s, client and server on all CPUs. On a
machine that does nothing else no verdict may be anything but valid.
"""

import argparse
import json
import os
import resource
import subprocess
import time

import harness

BAR = 0


def others_ns():
    """CPU time of all but the runs that have ended."""
    runs = resource.getrusage(resource.RUSAGE_CHILDREN)
    return harness.machine_cpu_ns() - (runs.ru_utime + runs.ru_stime) * 1e9


def verdict(path):
    """The verdict of one run of the demo, whose result file goes to `path`."""
    demo = os.path.join(harness.ROOT, "perf", "demo.sh")
    command = [demo, "-q", "-o", path]
    environment = {**os.environ, "SSEBOMB": harness.BINARY}
    others, start = others_ns(), time.monotonic_ns()
    with harness.process(command, stdout=subprocess.DEVNULL, env=environment) as run:
        status = run.wait(120)
    harness.warn_of_others((others_ns() - others) / (time.monotonic_ns() - start))
    if status != 0:
        raise harness.Failed(f"{' '.join(command)} ended with status {status}")
    with open(path, encoding="utf-8") as file:
        result = json.load(file)
    if "verdict" not in result:
        raise harness.Failed(f"{path} has no verdict: it can't be a false one")
    return result["verdict"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    harness.require_binary()
    os.makedirs(harness.OUT, exist_ok=True)
    path = os.path.join(harness.OUT, "demo.json")
    alarms = 0
    for number in range(1, options.runs + 1):
        found = verdict(path)
        alarms += found["state"] != "valid"
        print(f"{number}/{options.runs} {found['state']}", flush=True)
        for reason in found["reasons"]:
            print(f"    {reason['code']}: {reason['sentence']}")
    judged = harness.within(alarms, BAR)
    print(f"not valid: {alarms} of {options.runs} healthy runs, bar {BAR}: {judged}")
    return alarms <= BAR


if __name__ == "__main__":
    harness.run(main)
