"""Counts per event that don't depend on the machine's speed: allocations, system calls and
instructions. The first two come from two runs of the same streams over the same time that differ in
the number of tokens alone, so that what a program does once, once a stream or once a second drops
out.
"""

import json
import os
import re
import shutil
import subprocess

import harness

# Length of a run, and tokens of a stream in it.
SECONDS = 8
FEW, MANY = 80, 800
READS = {"recvmsg", "recvfrom", "read", "recvmmsg"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}


def command(server, streams, cpu):
    load = ["-c", streams, "-n", streams, "-q", "--timeout", "60s"]
    return harness.client_command(server.base + harness.CHAT, *load, cpu=cpu)


def run_client(prefix, streams, tokens):
    """Runs the client behind `prefix` on one request a stream; returns the events it was sent."""
    server_cpu, client_cpu = harness.two_cpus()
    gap = f"{SECONDS * 1000 / tokens:g}ms"
    shape = ["--ttft", "10ms", "--itl", gap, "--tokens", tokens]
    with harness.mock(*shape, cpu=server_cpu) as server:
        words = [str(word) for word in [*prefix, *command(server, streams, client_cpu)]]
        done = subprocess.run(words, stdout=subprocess.DEVNULL, timeout=120, check=False)
        if done.returncode != 0:
            raise harness.Failed(f"the client ended with status {done.returncode}: {words}")
        return server.events()


def slope(measure):
    """`measure(tokens)` gives events and a dictionary of counts; returns the counts per event."""
    few_events, few = measure(FEW)
    many_events, many = measure(MANY)
    events = many_events - few_events
    if events <= 0:
        raise harness.Failed("the run with more tokens had no more events")
    return {name: (many.get(name, 0) - few.get(name, 0)) / events for name in {*few, *many}}


def allocations_per_event():
    """Calls of the allocator per event."""
    counter = harness.compiled("malloc_count.c", "-shared", "-fPIC", "-ldl")
    path = os.path.join(harness.OUT, "malloc.json")

    def measure(tokens):
        if os.path.exists(path):
            os.remove(path)
        # Many streams: what varies from run to run must be small beside the events.
        events = run_client(["env", f"LD_PRELOAD={counter}", f"MALLOC_COUNT={path}"], 400, tokens)
        with open(path, encoding="utf-8") as file:
            return events, json.load(file)

    return slope(measure)["allocations"]


def parse_strace(text):
    """Calls by name from the summary of `strace -c`."""
    calls = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 5 and re.fullmatch(r"[\d.]+", fields[0]) and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls


def system_calls_per_event():
    """Reads, waits and all other system calls per event."""
    if not shutil.which("strace"):
        raise harness.Failed("strace is not installed: apt-get install strace")
    path = os.path.join(harness.OUT, "strace.txt")
    os.makedirs(harness.OUT, exist_ok=True)

    def measure(tokens):
        # Few streams: under strace, more would have their events read together.
        events = run_client(["strace", "-f", "-c", "-o", path], 20, tokens)
        with open(path, encoding="utf-8") as file:
            calls = parse_strace(file.read())
        reads = sum(count for name, count in calls.items() if name in READS)
        waits = sum(count for name, count in calls.items() if name in WAITS)
        others = sum(calls.values()) - reads - waits
        return events, {"reads": reads, "waits": waits, "others": others}

    return slope(measure)


def decode_instructions_per_event():
    """Instructions to decode one event, counted by callgrind."""
    script = os.path.join(harness.ROOT, "perf", "decode", "run.sh")
    environment = {**os.environ, "PERF_DIR": harness.OUT}
    done = subprocess.run(
        [script, "count"], capture_output=True, text=True, env=environment, check=False
    )
    found = re.search(r"instructions per event: ([\d.]+)", done.stdout)
    if not found:
        raise harness.Failed(f"no instruction count: {done.stderr.strip()[-300:]}")
    return float(found.group(1))
