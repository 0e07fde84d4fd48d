"""Counts that don't depend on the machine's speed: allocations, system calls, instructions, bytes.

Each is a slope between two runs that differ in one number alone, that of tokens, of requests on
kept connections, or of streams, and take the same time: what a program does once, or once a second,
drops out.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess

import harness
import memory
import micro

READS = {"recvmsg", "recvfrom", "read", "recvmmsg"}
WAITS = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}
LOOP = "$s11SSEBombCore10LoopThreadV3run*"


@dataclasses.dataclass(frozen=True)
class Load:
    """What a counted run does: requests of `tokens` events, `rounds` of them one after the other on
    each of `streams` connections, in `seconds`."""

    streams: int
    tokens: int
    seconds: float
    rounds: int = 1
    connect_rate: int = 5_000

    @property
    def requests(self):
        return self.streams * self.rounds

    def mock_arguments(self):
        # First token, further ones and end lie a gap apart each.
        gap = f"{self.seconds * 1000 / self.rounds / (self.tokens + 1):g}ms"
        return ["--ttft", gap, "--itl", gap, "--tokens", self.tokens]

    def client_arguments(self):
        paced = ["--connect-rate", self.connect_rate]
        return ["-c", self.streams, "-n", self.requests, *paced, "-q", "--timeout", "60s"]


def run_client(load, prefix, binary=None):
    """Runs the client behind the words of `prefix`; returns what it had to do."""
    server_cpu, client_cpu = harness.two_cpus()
    with harness.mock(*load.mock_arguments(), cpu=server_cpu) as server:
        url = server.base + harness.CHAT
        _, *flags = harness.client_command(url, *load.client_arguments(), cpu=client_cpu)
        words = [str(word) for word in [*prefix, binary or harness.BINARY, *flags]]
        done = subprocess.run(words, stdout=subprocess.DEVNULL, timeout=120, check=False)
        if done.returncode != 0:
            raise harness.Failed(f"the client ended with status {done.returncode}: {words}")
        return {"events": server.events(), "requests": load.requests, "streams": load.streams}


def slope(measure, few, many, per):
    """What `measure(load)` counts more of with `many` than with `few`, by name, for each of the
    `per` (events, requests or streams) that it has more."""
    less, more = measure(few), measure(many)
    gained = {name: more.get(name, 0) - less.get(name, 0) for name in {*less, *more}}
    if gained[per] <= 0:
        raise harness.Failed(f"the longer run had no more {per}")
    return {name: count / gained[per] for name, count in gained.items()}


# MARK: Allocations


def allocations(load):
    """What a run had to do, and how often its loop called the allocator.

    The first thread's calls are not counted: it reads the recorders once a second and writes the
    report, into arrays that grow with the logarithm of what they hold.
    """
    counter = harness.compiled("malloc_count.c", "-shared", "-fPIC", "-ldl")
    path = os.path.join(harness.OUT, "malloc.json")
    if os.path.exists(path):
        os.remove(path)
    done = run_client(load, ["env", f"LD_PRELOAD={counter}", f"MALLOC_COUNT={path}"])
    with open(path, encoding="utf-8") as file:
        return {**done, "calls": json.load(file)["others"]["allocations"]}


def allocations_per_event():
    few, many = Load(400, 30, seconds=3), Load(400, 300, seconds=3)
    return slope(allocations, few, many, "events")["calls"]


def allocations_per_stream():
    few, many = Load(200, 2, seconds=2), Load(4_000, 2, seconds=2)
    return slope(allocations, few, many, "streams")["calls"]


def allocations_per_request():
    few, many = Load(200, 2, seconds=2), Load(200, 2, seconds=2, rounds=20)
    return slope(allocations, few, many, "requests")["calls"]


# MARK: System calls


def parse_strace(text):
    """Calls by name from the summary of `strace -c`."""
    calls = {}
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 5 and re.fullmatch(r"[\d.]+", fields[0]) and fields[-1] != "total":
            calls[fields[-1]] = int(fields[3])
    return calls


def system_calls(load):
    """What a run had to do, and its system calls: reads, waits and all others."""
    if not shutil.which("strace"):
        raise harness.Failed("strace is not installed: apt-get install strace")
    os.makedirs(harness.OUT, exist_ok=True)
    path = os.path.join(harness.OUT, "strace.txt")
    done = run_client(load, ["strace", "-f", "-c", "-o", path])
    with open(path, encoding="utf-8") as file:
        calls = parse_strace(file.read())
    reads = sum(count for name, count in calls.items() if name in READS)
    waits = sum(count for name, count in calls.items() if name in WAITS)
    others = sum(calls.values()) - reads - waits
    return {**done, "reads": reads, "waits": waits, "others": others}


def system_calls_per_event():
    """Reads, waits and all others per event.

    Five streams whose events lie 4 ms apart: each is to be alone in its wait and read, and more
    would share them under strace.
    """
    few, many = (Load(5, tokens, seconds=8, connect_rate=250) for tokens in (40, 400))
    return slope(system_calls, few, many, "events")


def calls_but_waits(few, many, per):
    # How many requests share a wait is the scheduler's affair.
    calls = slope(system_calls, few, many, per)
    return calls["reads"] + calls["others"]


def system_calls_per_stream():
    few, many = Load(20, 2, seconds=3), Load(420, 2, seconds=3)
    return calls_but_waits(few, many, "streams")


def system_calls_per_request():
    few, many = Load(20, 2, seconds=3), Load(20, 2, seconds=3, rounds=21)
    # A busy machine lets head and events of one answer come apart, which takes more reads; nothing
    # it does saves one.
    return min(calls_but_waits(few, many, "requests") for _ in range(3))


# MARK: Instructions


def loop_instructions(load):
    """What a run had to do, and the instructions of its loop.

    Valgrind can't read the debug information of the Swift runtime, so it gets a copy without.
    """
    for tool, package in [("valgrind", "valgrind"), ("objcopy", "binutils")]:
        if not shutil.which(tool):
            raise harness.Failed(f"{tool} is not installed: apt-get install {package}")
    os.makedirs(harness.OUT, exist_ok=True)
    copy, out = (os.path.join(harness.OUT, name) for name in ["ssebomb", "loop.callgrind"])
    subprocess.run(["objcopy", "--strip-debug", harness.BINARY, copy], check=True)
    if os.path.exists(out):
        os.remove(out)
    done = run_client(load, micro.callgrind(out, f"--toggle-collect={LOOP}"), copy)
    collected = micro.collected(out)
    if collected < done["events"]:
        raise harness.Failed(f"callgrind collected nothing of {LOOP}, see {out}.log")
    return {**done, "instructions": collected}


def loop_instructions_per_event():
    """Instructions of the whole loop per event that is alone in its wait and read.

    One stream: how many share a wait would depend on the machine. The median of three, because a
    machine that takes the CPU away for longer than a gap of 20 ms makes events share reads.
    """
    few, many = Load(1, 6, seconds=2.5), Load(1, 126, seconds=2.5)
    slopes = [slope(loop_instructions, few, many, "events") for _ in range(3)]
    return harness.median(value["instructions"] for value in slopes)


# MARK: Bytes


def bytes_per_stream():
    """User-space memory per open, idle stream without TLS.

    The least of three: histograms touch a page more or less, by how long connects happen to take.
    """
    few, many = 1_000, 12_000
    least = {count: min(memory.plain(count) for _ in range(3)) for count in (few, many)}
    return (least[many] - least[few]) / (many - few)
